"""A model described in a few sentences, from its card: for its page and docs/models.md."""

from django.utils.formats import get_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop, ngettext

from classifier.presentation.class_labels import network_label
from classifier.presentation.model_figures import BACKENDS
from classifier.services.models.measurements import duration, percent, speed, whole
from ml.artifacts.folder import Card

_ARCHITECTURES = {
    "airbench_resnet": gettext_lazy(
        "A wide residual network for small images, after a speed-record network for CIFAR-10 (Jordan 2024): a "
        "whitening convolution that is not trained, three blocks that halve the image and end in a residual pair of "
        "convolutions that are initialised to the identity, and global max pooling."
    ),
    "compact_resnet": gettext_lazy(
        "A small residual network for small images, after the speed-record networks for CIFAR-10 "
        "(Page 2018, Jordan 2024): a whitening convolution that is not trained, three blocks that "
        "halve the image and end in a residual pair of convolutions, and global max pooling."
    ),
    "student_cnn": gettext_lazy(
        "The network of the student project that this site grew from: six convolutions in pairs, max "
        "pooling after each pair, then four dense layers with dropout, all with batch normalisation."
    ),
    "efficientnet_lite0": gettext_lazy(
        "EfficientNet-Lite0 (Tan and Le 2019), pretrained on ImageNet: inverted residual blocks of "
        "depthwise convolutions."
    ),
}
_OPTIMIZERS = {"adam": gettext_lazy("Adam"), "sgd": gettext_lazy("SGD with Nesterov momentum")}
_SCORES = {
    "maximum_probability": gettext_lazy("the largest probability"),
    "energy": gettext_lazy("the energy of its logits"),
    "mahalanobis": gettext_lazy("the Mahalanobis distance of its features"),
    "relative_mahalanobis": gettext_lazy("the relative Mahalanobis distance of its features"),
    "known_probability": gettext_lazy("the probability of its “none” class"),
}


def description(card: Card) -> list[str]:
    """Return the sentences, in the language of the moment."""
    if card.networks:
        return [
            _("The model contains several networks; the size of an image decides which of them is used."),
            *(
                f"{network_label(name)[:1].upper()}{network_label(name)[1:]}: {_architecture(network['architecture'])}"
                for name, network in card.networks.items()
            ),
        ]
    sentences = [
        _architecture(card.architecture),
        _("Parameters: %(parameters)s. Input: %(width)s × %(height)s pixels.")
        % {
            "parameters": whole(card.parameter_count),
            "height": card.input_shape[0],
            "width": card.input_shape[1],
        },
    ]
    if card.training:
        sentences += [*_training(card), *_sources(card), *_against_overfitting(card), _choice(card)]
    return [*sentences, *_abstention(card)]


def _architecture(name: str) -> str:
    return str(_ARCHITECTURES.get(name, name))


def _training(card: Card) -> list[str]:
    recipe, training = card.recipe, card.training
    if recipe.get("schedule") == "triangle":
        sentence = _(
            "Trained on %(images)s images of %(dataset)s for %(epochs)s epochs in batches of %(batch)s "
            "with %(optimizer)s; learning rate: linear warm-up to %(rate)s over %(warmup)s epochs, then "
            "linear decay to zero."
        )
    else:
        sentence = _(
            "Trained on %(images)s images of %(dataset)s for %(epochs)s epochs in batches of %(batch)s "
            "with %(optimizer)s; learning rate: linear warm-up to %(rate)s over %(warmup)s epochs, then "
            "cosine decay to zero."
        )
    return [
        sentence
        % {
            "images": whole(card.dataset["train_images"]),
            "dataset": card.dataset["name"],
            "epochs": training["epochs"],
            "batch": recipe["batch_size"],
            "optimizer": _OPTIMIZERS.get(recipe["optimizer"], recipe["optimizer"]),
            "rate": _real(recipe["learning_rate"]),
            "warmup": _real(recipe["warmup_epochs"]),
        },
        _("Training time: %(time)s on %(processors)s CPU cores with %(backend)s (%(speed)s images per second).")
        % {
            "time": duration(training["seconds"]),
            "processors": training["processor_count"],
            "backend": BACKENDS[training.get("backend", "tensorflow")],
            "speed": speed(training["images_per_second"]),
        },
        *_test_subset(card),
    ]


def _test_subset(card: Card) -> list[str]:
    available = card.dataset.get("test_images_available")
    if not available:
        return []
    return [
        _("Tested on %(count)s of the %(all)s test images.")
        % {"count": whole(card.dataset["test_images"]), "all": whole(available)}
    ]


def _sources(card: Card) -> list[str]:
    sentences = []
    if source := card.training.get("initial_weights"):
        sentences.append(_("Initial weights: %(model)s.") % {"model": source["name"]})
    if source := card.training.get("teacher"):
        sentences.append(
            _("Distillation: %(share)s of each target came from %(model)s (Hinton et al. 2015).")
            % {"share": percent(card.recipe["distillation"], 0), "model": source["name"]}
        )
    return sentences


def _against_overfitting(card: Card) -> list[str]:
    recipe, side = card.recipe, card.input_shape[0]
    parts = [
        _(words) % {"value": _real(recipe[name])}
        for name, words in (
            ("weight_decay", gettext_noop("weight decay %(value)s")),
            ("label_smoothing", gettext_noop("label smoothing %(value)s")),
            ("mixup", gettext_noop("mixup %(value)s")),
            ("weight_average", gettext_noop("weight averaging with decay %(value)s")),
        )
        if recipe.get(name)
    ]
    changes = _changes(recipe.get("augmentation", {}), side)
    sentences = []
    if parts:
        sentences.append(_("Regularisation: %(parts)s.") % {"parts": ", ".join(parts)})
    if changes:
        sentences.append(_("Augmentation: %(changes)s.") % {"changes": ", ".join(changes)})
    return sentences


def _changes(augmentation: dict[str, float], side: int) -> list[str]:
    found = []
    if degrees := augmentation.get("rotation_degrees"):
        found.append(_("rotation up to %(value)s degrees") % {"value": _real(degrees)})
    if shift := augmentation.get("shift_fraction"):
        pixels = round(shift * side)
        found.append(ngettext("shift up to %(n)d pixel", "shift up to %(n)d pixels", pixels) % {"n": pixels})
    if zoom := augmentation.get("zoom_fraction"):
        found.append(_("scaling up to %(value)s") % {"value": percent(zoom, 0)})
    if augmentation.get("horizontal_flip"):
        found.append(_("horizontal flip"))
    if augmentation.get("alternating_flip"):
        found.append(_("horizontal flip in every second epoch"))
    if augmentation.get("random_operation"):
        found.append(_("one TrivialAugment operation (Müller and Hutter 2021)"))
    if cutout := augmentation.get("cutout_fraction"):
        pixels = round(cutout * side)
        found.append(ngettext("cutout of %(n)d pixel", "cutout of %(n)d pixels", pixels) % {"n": pixels})
    return found


def _choice(card: Card) -> str:
    images = card.dataset["validation_images"]
    if card.dataset.get("selection_images", images) < images:
        return _(
            "Best epoch: %(best)s. One half of the %(images)s validation images was used to choose it "
            "and to calibrate confidence; the figures are for the other half. The test images were "
            "scored once, after training."
        ) % {"images": whole(images), "best": card.training["best_epoch"]}
    return _(
        "Best epoch: %(best)s, by accuracy on the %(images)s validation images; its confidence was "
        "calibrated on the same images. In this run nothing was chosen by the test images: they were "
        "scored once, after training."
    ) % {"images": whole(images), "best": card.training["best_epoch"]}


def _abstention(card: Card) -> list[str]:
    score = card.abstention.get("score")
    if not score:
        return []
    words = {"score": _SCORES.get(score, score)}
    if card.abstention.get("coverage") is None:
        return [_("The model abstains based on %(score)s.") % words]
    words["coverage"] = percent(card.abstention["coverage"], 0)
    return [_("The model abstains based on %(score)s; it answers %(coverage)s of the validation images.") % words]


def _real(value: float) -> str:
    """As short as it can be told, with the language's decimal mark."""
    return f"{value:g}".replace(".", get_format("DECIMAL_SEPARATOR"))
