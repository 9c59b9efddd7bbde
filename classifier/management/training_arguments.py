"""The arguments of `manage.py train`."""

from pathlib import Path

from django.core.management.base import CommandParser

from classifier.management.activation import add_activation
from classifier.management.numbers import positive_number, whole_number
from ml.networks.registry import ARCHITECTURES, DEFAULT_ARCHITECTURE
from ml.training.recipes import RECIPES

#: What a resumed run has fixed already.
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
    parser.add_argument("--epochs", type=whole_number(1), help="Instead of the recipe's number.")
    parser.add_argument("--batch-size", type=whole_number(1), help="Instead of the recipe's number of images.")
    parser.add_argument("--learning-rate", type=positive_number, help="The peak, instead of the recipe's.")
    parser.add_argument(
        "--compute-dtype",
        choices=("float32", "mixed_bfloat16"),
        help="mixed_bfloat16 is faster on processors that have instructions for it.",
    )
    parser.add_argument("--seed", type=whole_number(0, 2**31 - 1), help="What all chance is drawn from (default 1).")
    parser.add_argument(
        "--limit", type=whole_number(1), metavar="N", help="Train on N images and test on as many: a quick run."
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        help="CIFAR-10's binary version, or a folder of pictures with one sub-folder a class; by default "
        "CIFAR10_DIR, or a download.",
    )
    parser.add_argument(
        "--image-size",
        type=whole_number(1),
        metavar="PIXELS",
        help="The side that one's own pictures are brought to: by default 32, and 224 for networks that have learnt on "
        "ImageNet.",
    )
    parser.add_argument(
        "--skip-unreadable",
        action="store_true",
        default=None,
        help="Leave out the pictures that cannot be read, instead of stopping at them.",
    )
    parser.add_argument(
        "--weights",
        metavar="MODEL|FILE",
        help="Begin from the weights of this trained model of the same architecture; or, for a network that has "
        "learnt on ImageNet, from this file of its weights.",
    )
    parser.add_argument(
        "--teacher", metavar="MODEL", help="Learn from this trained model's answers, by a recipe with distillation."
    )
    parser.add_argument("--name", help="What to call the model (default: architecture and time).")
    parser.add_argument("--resume", action="store_true", help="Resume the run given by --name, or the latest.")
    add_activation(parser, "Let the new model answer on the site.")
