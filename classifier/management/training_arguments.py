"""The arguments of `manage.py train`."""

from pathlib import Path

from django.core.management.base import CommandParser

from classifier.management.activation import add_activation
from classifier.management.numbers import positive_number, whole_number
from ml.networks.registry import ARCHITECTURES, DEFAULT_ARCHITECTURE
from ml.training.recipes import RECIPES

#: The arguments that a resumed run takes from its settings.
FIXED = (
    "architecture",
    "recipe",
    "epochs",
    "batch_size",
    "learning_rate",
    "seed",
    "limit",
    "compute_dtype",
    "image_size",
    "skip_unreadable",
    "weights",
    "teacher",
)


def add_to(parser: CommandParser) -> None:
    parser.add_argument(
        "--architecture",
        help=f"One of: {', '.join(sorted(ARCHITECTURES))} (default {DEFAULT_ARCHITECTURE}).",
    )
    parser.add_argument("--recipe", help=f"One of: {', '.join(sorted(RECIPES))} (default: the architecture's own).")
    parser.add_argument("--epochs", type=whole_number(1), help="Override the recipe's number of epochs.")
    parser.add_argument("--batch-size", type=whole_number(1), help="Override the recipe's batch size.")
    parser.add_argument("--learning-rate", type=positive_number, help="Override the recipe's peak learning rate.")
    parser.add_argument(
        "--compute-dtype",
        choices=("float32", "mixed_bfloat16"),
        help="mixed_bfloat16 is faster on CPUs that support it.",
    )
    parser.add_argument("--seed", type=whole_number(0, 2**31 - 1), help="The random seed (default 1).")
    parser.add_argument(
        "--limit", type=whole_number(1), metavar="N", help="Train and test on N images each, for a quick run."
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        help="CIFAR-10's binary version, or a folder of images with one subfolder per class (default: "
        "CIFAR10_DIR, or a download).",
    )
    parser.add_argument(
        "--image-size",
        type=whole_number(1),
        metavar="PIXELS",
        help="The size in pixels to which your own images are resized (default: 32, or 224 for networks pretrained on "
        "ImageNet).",
    )
    parser.add_argument(
        "--skip-unreadable",
        action="store_true",
        default=None,
        help="Skip unreadable images instead of stopping.",
    )
    parser.add_argument(
        "--weights",
        metavar="MODEL|FILE",
        help="Start from the weights of this trained model of the same architecture, or, for a network "
        "pretrained on ImageNet, from this weights file.",
    )
    parser.add_argument(
        "--teacher", metavar="MODEL", help="Distil this trained model, with a recipe that supports distillation."
    )
    parser.add_argument("--name", help="The name of the model (default: architecture and time).")
    parser.add_argument("--resume", action="store_true", help="Resume the run given by --name, or the latest.")
    add_activation(parser, "Activate the new model.")
