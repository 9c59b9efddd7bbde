"""The plots of a model folder, as SVG and PNG."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ml.confidence.calibration import ReliabilityBin
from ml.evaluation.metrics import Assessment, Evaluation
from ml.plots import text as plot_text
from ml.training.loop import EpochRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CURVES = "curves"
CONFUSION = "confusion"
RELIABILITY = "reliability"

#: More classes make a matrix that nobody can read, of as many numbers as take gigabytes to draw.
_LARGEST_MATRIX = 30
_CONFUSIONS_SHOWN = 30

_TRAINING, _VALIDATION, _TEST = "#4477aa", "#ee6677", "#228833"


def save_curves(history: list[EpochRecord], best_epoch: int, test: Evaluation, folder: Path) -> None:
    """Draw accuracy and loss by epoch for training and validation; the test result stands at the best epoch."""
    epochs = [record.epoch for record in history]
    figure = new_figure(10, 4)
    for axes, (title, training, validation, tested) in zip(
        figure.subplots(1, 2),
        (
            ("Accuracy, %", "accuracy", "validation_accuracy", test.accuracy),
            ("Loss, nats", "loss", "validation_loss", test.loss),
        ),
    ):
        scale = 100 if training == "accuracy" else 1
        axes.plot(epochs, [scale * getattr(r, training) for r in history], color=_TRAINING, label="training")
        axes.plot(epochs, [scale * getattr(r, validation) for r in history], color=_VALIDATION, label="validation")
        axes.plot([best_epoch], [scale * tested], "*", color=_TEST, markersize=13, label=f"test: {scale * tested:.4g}")
        axes.axvline(best_epoch, color="0.7", linewidth=0.8, linestyle="--")
        axes.set_title(title)
        axes.set_xlabel("Epoch")
        axes.grid(alpha=0.3)
        axes.legend()
    save_figure(figure, folder / CURVES)


def save_assessment(assessment: Assessment, class_names: tuple[str, ...], split: str, folder: Path) -> None:
    """Draw the confusion matrix and the reliability diagram of the split of this name."""
    save_confusion(assessment.evaluation, class_names, split, folder)
    save_reliability(assessment, folder)


def save_reliability(assessment: Assessment, folder: Path) -> None:
    """Draw accuracy against confidence, before and after calibration (Niculescu-Mizil and Caruana 2005)."""
    figure = new_figure(10, 4.5)
    for axes, (title, evaluation) in zip(
        figure.subplots(1, 2, sharey=True),
        (("Before calibration", assessment.before_scaling), ("After", assessment.evaluation)),
    ):
        _draw_reliability(axes, evaluation.reliability)
        axes.set_title(f"{title}: calibration error {evaluation.expected_calibration_error:.2%}")
        axes.set_xlabel("Confidence")
    figure.axes[0].set_ylabel("Accuracy")
    save_figure(figure, folder / RELIABILITY)


def save_confusion(evaluation: Evaluation, class_names: tuple[str, ...], split: str, folder: Path) -> None:
    """Draw the confusion matrix, rows are true classes and columns predicted ones.

    Of more than 30 classes, draw the most frequent confusions instead.
    """
    matrix, labels = np.array(evaluation.confusion), plot_text.labels(class_names)
    draw = _confusion_matrix if len(labels) <= _LARGEST_MATRIX else _worst_confusions
    figure = draw(matrix, labels)
    figure.axes[0].set_title(
        f"{split.capitalize()} split: {100 * evaluation.accuracy:.2f}% of {evaluation.count:,} right"
    )
    save_figure(figure, folder / CONFUSION)


def _confusion_matrix(matrix: np.ndarray, labels: list[str]) -> "Figure":
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    side = 2.5 + 0.6 * len(labels)
    figure = new_figure(side, side)
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(matrix.shape):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, str(matrix[row, column]), ha="center", va="center", color=colour, fontsize=8)
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("Predicted")
    axes.set_ylabel("True")
    return figure


def _worst_confusions(matrix: np.ndarray, labels: list[str]) -> "Figure":
    """The pairs of classes that were confused most often, as bars: a plot of one size, however many classes."""
    from matplotlib.ticker import MaxNLocator

    wrong = matrix * ~np.eye(len(matrix), dtype=bool)
    order = np.argsort(-wrong, axis=None, kind="stable")[:_CONFUSIONS_SHOWN]
    pairs = [(row, column) for row, column in zip(*np.unravel_index(order, wrong.shape)) if wrong[row, column]]
    figure = new_figure(10, 1.5 + 0.28 * max(len(pairs), 4))
    axes = figure.subplots()
    bars = axes.barh(range(len(pairs)), [wrong[pair] for pair in pairs], color=_VALIDATION)
    axes.bar_label(bars, [f"{wrong[row, column]:,} of {matrix[row].sum():,}" for row, column in pairs], padding=3)
    axes.set_yticks(range(len(pairs)), [f"{labels[row]} → {labels[column]}" for row, column in pairs])
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel(f"Images; the most frequent mistakes among {len(labels)} classes: true → predicted")
    return figure


def _draw_reliability(axes: "Axes", bins: list[ReliabilityBin]) -> None:
    total = sum(group.count for group in bins)
    for group in bins:
        width = group.high - group.low
        # A bin's colour says how many images it stands for.
        strength = 0.25 + 0.75 * (group.count / total) ** 0.25
        axes.bar(group.low, group.accuracy, width, align="edge", color=_TRAINING, alpha=strength, edgecolor="white")
    axes.plot([0, 1], [0, 1], "--", color="0.5", linewidth=1)
    axes.plot([g.confidence for g in bins], [g.accuracy for g in bins], "o", color=_VALIDATION, markersize=4)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.grid(alpha=0.3)


def new_figure(width: float, height: float) -> "Figure":
    """Return an empty figure of this size in inches."""
    # A figure of its own, not pyplot's: no display and no state shared between threads.
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure: "Figure", path: Path, *, svg: bool = True) -> None:
    """Write a figure as PNG, and as SVG, under this path without its ending."""
    from matplotlib import rc_context

    plot_text.prepare(figure)
    # Fixed metadata and element names: the same figures give the same bytes.
    with rc_context({"svg.hashsalt": path.name}):
        if svg:
            figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})
        figure.savefig(path.with_suffix(".png"), dpi=110)
