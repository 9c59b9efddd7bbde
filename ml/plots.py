"""The pictures of a model folder, as SVG and PNG."""

from pathlib import Path

import numpy as np

from ml.evaluation import Evaluation
from ml.training import EpochRecord

CURVES = "curves"
CONFUSION = "confusion"

_TRAINING, _VALIDATION, _TEST = "#4477aa", "#ee6677", "#228833"


def save_curves(history: list[EpochRecord], best_epoch: int, test: Evaluation, folder: Path) -> None:
    """Draw accuracy and loss by epoch for training and validation; the test result stands at the best epoch."""
    epochs = [record.epoch for record in history]
    figure = _figure(10, 4)
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
    _save(figure, folder / CURVES)


def save_confusion(evaluation: Evaluation, class_names: tuple[str, ...], folder: Path) -> None:
    """Draw the confusion matrix: rows are true classes, columns predicted ones, in images."""
    matrix = np.array(evaluation.confusion)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    side = 2.5 + 0.6 * len(class_names)
    figure = _figure(side, side)
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(matrix.shape):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, matrix[row, column], ha="center", va="center", color=colour, fontsize=8)
    axes.set_xticks(range(len(class_names)), class_names, rotation=45, ha="right")
    axes.set_yticks(range(len(class_names)), class_names)
    axes.set_xlabel("Predicted")
    axes.set_ylabel("True")
    axes.set_title(f"Test split: {100 * evaluation.accuracy:.2f}% of {evaluation.count:,} right")
    _save(figure, folder / CONFUSION)


def _figure(width: float, height: float):
    # A figure of its own, not pyplot's: no display and no state shared between threads.
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _save(figure, path: Path) -> None:
    from matplotlib import rc_context

    # Fixed metadata and element names: the same figures give the same bytes.
    with rc_context({"svg.hashsalt": path.name}):
        figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})
    figure.savefig(path.with_suffix(".png"), dpi=110)
