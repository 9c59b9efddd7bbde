"""A model's figures, in the language of the moment: made from its card, never by hand, for its page and the READMEs."""

import re
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from classifier.class_labels import class_label_within
from ml.artifacts import Card
from ml.evaluation import FEWEST_FOR_CALIBRATION
from ml.routing import PHOTOGRAPHS

#: What Keras calls its backends, and what they are called.
BACKENDS = {"jax": "JAX", "tensorflow": "TensorFlow", "torch": "PyTorch"}


def figures(card: Card, photographs: dict[str, Any] | None) -> list[tuple[str, str]]:
    """Return names and values; `photographs` is what `manage.py evaluate --photos` kept, None if it was never run."""
    return [
        *(_on_splits(card) if card.metrics else []),
        *(_on_photographs(card, photographs) if photographs else []),
        *_making(card),
    ]


def table(card: Card, photographs: dict[str, Any] | None) -> str:
    """Return them as Markdown, the first figure bold."""
    (label, value), *others = figures(card, photographs)
    rows = [(label, re.sub(r"^\S+", r"**\g<0>**", value)), *others]
    return "\n".join(["| | |", "| --- | --- |", *(f"| {label} | {value} |" for label, value in rows)])


def duration(seconds: float) -> str:
    """A time span in hours, minutes or seconds, to two digits or so; never "0.0 hours"."""
    if seconds < 90:
        return _("%(n)s s") % {"n": whole(max(seconds, 1))}
    if seconds < 5400:
        return _("%(n)s min") % {"n": whole(seconds / 60)}
    return _("%(n)s h") % {"n": number(seconds / 3600, 1)}


def _on_splits(card: Card) -> list[tuple[str, str]]:
    test, validation = card.metrics["test"], card.metrics["validation"]
    recalls = sorted((figures["recall"], name) for name, figures in test["per_class"].items() if figures["support"])
    (lowest, hardest), (highest, easiest) = recalls[0], recalls[-1]
    return [
        (
            _("Accuracy on the test split"),
            _("%(accuracy)s of %(count)s images (95%% interval %(low)s to %(high)s)")
            % {
                "accuracy": percent(test["accuracy"]),
                "count": whole(test["count"]),
                "low": percent(test["interval"][0]),
                "high": percent(test["interval"][1]),
            },
        ),
        *_before_rounding(card),
        (_("Right class among the two most probable"), percent(test["top_2_accuracy"])),
        (
            _("Accuracy on the validation images, used to choose the epoch"),
            _("%(accuracy)s of %(count)s")
            % {"accuracy": percent(validation["accuracy"]), "count": whole(validation["count"])},
        ),
        (
            _("Easiest and hardest class (recall)"),
            f"{class_label_within(easiest)} {percent(highest, 1)}, {class_label_within(hardest)} {percent(lowest, 1)}",
        ),
        *(_trust(card) if shows_calibration(card) else []),
        (
            _("Test images answered"),
            _("%(answered)s, of these right %(right)s")
            % {"answered": percent(test["answered"]), "right": percent(test["answered_accuracy"])},
        ),
    ]


def shows_calibration(card: Card) -> bool:
    """Whether enough images were tested for a calibration error, a Brier score and a reliability diagram."""
    return card.metrics.get("test", {}).get("count", 0) >= FEWEST_FOR_CALIBRATION


def _trust(card: Card) -> list[tuple[str, str]]:
    test = card.metrics["test"]
    scores = {"loss": number(test["loss"], 3), "brier": number(test["brier_score"], 3)}
    return [
        (_("Loss and Brier score on the test split"), _("%(loss)s nats, %(brier)s") % scores),
        (_("Expected calibration error on the test split"), _calibration(card)),
    ]


def _before_rounding(card: Card) -> list[tuple[str, str]]:
    rows = []
    if "accuracy_float32" in card.export:
        accuracy = percent(card.export["accuracy_float32"]["test"])
        rows.append((_("The same before its weights were rounded"), accuracy))
    if by_arithmetic := card.export.get("accuracy_by_arithmetic"):
        accuracies = {name: percent(accuracy) for name, accuracy in by_arithmetic.items()}
        rows.append(
            (
                _("Computes in %(arithmetic)s") % {"arithmetic": card.export["arithmetic"]},
                _("validation images right: %(int8)s in int8, %(float32)s in float32") % accuracies,
            )
        )
    return rows


def _calibration(card: Card) -> str:
    test = card.metrics["test"]
    values = {
        "after": percent(test["expected_calibration_error"]),
        "before": percent(test["before_scaling"]["expected_calibration_error"]),
    }
    if not card.calibration:
        return _("%(after)s, before calibration %(before)s") % values
    values["temperature"] = number(card.calibration["temperature"], 3)
    return _("%(after)s, before calibration %(before)s (temperature %(temperature)s)") % values


def _on_photographs(card: Card, figures: dict[str, Any]) -> list[tuple[str, str]]:
    rows = [
        (
            _("Photographs, over images and over classes"),
            _("%(images)s of %(count)s, %(classes)s")
            % {
                "images": percent(figures["accuracy"], 1),
                "count": whole(figures["count"]),
                "classes": percent(figures["macro_accuracy"], 1),
            },
        )
    ]
    # That network is always made from one that was trained on ImageNet.
    if PHOTOGRAPHS in card.networks:
        rows.append(
            (_("No test where they are of ImageNet"), _("the network for photographs has learnt from ImageNet"))
        )
    if "expected_calibration_error" in figures:
        rows.append(
            (
                _("Expected calibration error on these photographs"),
                _("%(error)s, at a mean confidence of %(confidence)s")
                % {
                    "error": percent(figures["expected_calibration_error"], 1),
                    "confidence": percent(figures["mean_confidence"], 1),
                },
            )
        )
    score = figures["scores"].get(figures["score"])
    if score and score["auroc"] is not None:
        rows.append(
            (
                _("Photographs of none of the classes"),
                _("AUROC %(auroc)s; %(answered)s of %(count)s are answered, of the others %(known)s")
                % {
                    "auroc": number(score["auroc"], 3),
                    "answered": percent(score["answered_unknown"], 1),
                    "count": whole(figures["unknown_count"]),
                    "known": percent(score["answered_known"], 1),
                },
            )
        )
    return rows


def _making(card: Card) -> list[tuple[str, str]]:
    if card.networks:
        return [
            *_routing(card),
            (_("Size"), _("%(parameters)s parameters") % {"parameters": whole(card.parameter_count)}),
        ]
    training = card.training
    rows = [
        (
            _("Size"),
            _("%(parameters)s parameters; %(keras)s MB to train on, %(litert)s MB to serve")
            % {
                "parameters": whole(card.parameter_count),
                "keras": number(card.export["keras_bytes"] / 1e6, 1),
                "litert": number(card.export["litert_bytes"] / 1e6, 1),
            },
        ),
    ]
    if training:
        rows.append(
            (
                _("Training"),
                _(
                    "%(epochs)s epochs in %(time)s on %(processors)s CPU cores with %(backend)s, %(speed)s images per "
                    "second; best: %(best)s"
                )
                % {
                    "backend": BACKENDS[training.get("backend", "tensorflow")],
                    "epochs": training["epochs"],
                    "time": duration(training["seconds"]),
                    "processors": training["processor_count"],
                    "speed": whole(training["images_per_second"]),
                    "best": training["best_epoch"],
                },
            )
        )
    return rows


def _routing(card: Card) -> list[tuple[str, str]]:
    errors = card.routing["errors"]
    by_side = errors["enlarged_thumbnails_taken_for_photographs"]
    shown = "; ".join(f"{side}: {percent(share, 1)}" for side, share in by_side.items())
    rows = [(_("Enlarged thumbnails taken for photographs, by their side in pixels"), shown)]
    if errors["photographs"]:
        rows.append(
            (
                _("Photographs taken for thumbnails"),
                _("%(share)s of %(count)s")
                % {
                    "share": percent(errors["photographs_taken_for_thumbnails"], 1),
                    "count": whole(errors["photographs"]),
                },
            )
        )
    return rows


def percent(share: float, decimals: int = 2) -> str:
    """A share of one as percent."""
    return f"{number(100 * share, decimals)}%"


def number(value: float, decimals: int) -> str:
    """With so many decimals and the language's decimal mark."""
    # Django's own function cuts off what is too long.
    return number_format(round(value, decimals), decimals)


def whole(value: float) -> str:
    """Rounded, its digits in groups."""
    return number_format(round(value), 0, force_grouping=True)
