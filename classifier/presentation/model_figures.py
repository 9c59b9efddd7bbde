"""A model's figures in the current language, from its card: for its page and docs/models.md."""

import re
from typing import Any

from django.utils.translation import gettext as _

from classifier.presentation.class_labels import class_label_within
from classifier.services.models.measurements import (
    data_set,
    duration,
    number,
    percent,
    photographs_were_used,
    speed,
    whole,
    with_interval,
)
from ml.artifacts.folder import Card
from ml.evaluation.metrics import FEWEST_FOR_CALIBRATION

#: The display names of Keras's backends.
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


def _validation_label(card: Card) -> str:
    images = card.dataset.get("validation_images", 0)
    if card.dataset.get("selection_images", images) < images:
        return _("Accuracy on the half of the validation images not used to choose anything")
    return _("Accuracy on the validation images, used to choose the epoch")


def _on_splits(card: Card) -> list[tuple[str, str]]:
    test, validation = card.metrics["test"], card.metrics["validation"]
    return [
        (
            _("Accuracy on the test split of %(data)s") % {"data": data_set(card)},
            _("%(accuracy)s of %(count)s images (95%% interval %(low)s to %(high)s)")
            % {
                "accuracy": percent(test["accuracy"]),
                "count": whole(test["count"]),
                "low": percent(test["interval"][0]),
                "high": percent(test["interval"][1]),
            },
        ),
        *_before_rounding(card),
        (
            _("Top-2 accuracy"),
            with_interval(test["top_2_accuracy"], test["count"]),
        ),
        (
            _validation_label(card),
            _("%(accuracy)s of %(count)s images (95%% interval %(low)s to %(high)s)")
            % {
                "accuracy": percent(validation["accuracy"]),
                "count": whole(validation["count"]),
                "low": percent(validation["interval"][0]),
                "high": percent(validation["interval"][1]),
            },
        ),
        *_classes(test),
        *(_trust(card) if shows_calibration(card) else []),
        (_("Coverage on the test images"), _answered(test)),
    ]


def _answered(test: dict[str, Any]) -> str:
    answered = percent(test["answered"])
    if test["answered_accuracy"] is None:
        return answered
    right = with_interval(test["answered_accuracy"], test["answered"] * test["count"])
    return _("%(answered)s, accuracy on these %(right)s") % {"answered": answered, "right": right}


def _classes(test: dict[str, Any]) -> list[tuple[str, str]]:
    """The easiest and the hardest class, where one is harder than another."""
    recalls = sorted(
        (figures["recall"], name, figures["support"])
        for name, figures in test["per_class"].items()
        if figures["support"]
    )
    if recalls[0][0] == recalls[-1][0]:
        return []
    said = [f"{class_label_within(name)} {with_interval(recall, count, 1)}" for recall, name, count in recalls]
    return [(_("Easiest and hardest class (recall)"), f"{said[-1]}, {said[0]}")]


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
        rows.append((_("Before quantisation"), accuracy))
    if by_arithmetic := card.export.get("accuracy_by_arithmetic"):
        accuracies = {name: percent(accuracy) for name, accuracy in by_arithmetic.items()}
        rows.append(
            (
                _("Computes in %(arithmetic)s") % {"arithmetic": card.export["arithmetic"]},
                _("chosen by accuracy on the validation images: %(int8)s in int8, %(float32)s in float32") % accuracies,
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
            _("Photo accuracy (micro and macro)"),
            _("%(images)s of %(count)s (95%% interval %(low)s to %(high)s), %(classes)s")
            % {
                "images": percent(figures["accuracy"], 1),
                "low": percent(figures["interval"][0], 1),
                "high": percent(figures["interval"][1], 1),
                "count": whole(figures["count"]),
                "classes": percent(figures["macro_accuracy"], 1),
            },
        )
    ]
    if used := photographs_were_used(card, figures):
        rows.append((_("These photos are not an independent test set"), used))
    if "expected_calibration_error" in figures and figures["count"] >= FEWEST_FOR_CALIBRATION:
        rows.append(
            (
                _("Expected calibration error on these photos"),
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
                _("Photos of none of the classes"),
                _("AUROC %(auroc)s; coverage %(answered)s of %(count)s, on photos of the classes %(known)s")
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
        return [(_("Size"), _("%(parameters)s parameters") % {"parameters": whole(card.parameter_count)})]
    training = card.training
    rows = [
        (
            _("Size"),
            _("%(parameters)s parameters; %(keras)s MB for training, %(litert)s MB for serving")
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
                    "speed": speed(training["images_per_second"]),
                    "best": training["best_epoch"],
                },
            )
        )
    return rows
