"""Draw a diagram of a network's layers with their shapes and parameters."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ml.plots import charts as plots

if TYPE_CHECKING:
    import keras

NETWORK = "network"

_COLUMNS = 8
_WIDTH, _HEIGHT, _GAP = 1.0, 0.72, 0.22
_COLOURS = {
    "Conv2D": "#4477aa",
    "DepthwiseConv2D": "#66ccee",
    "Dense": "#228833",
    "Add": "#aa3377",
    "MaxPooling2D": "#ccbb44",
    "GlobalMaxPooling2D": "#ccbb44",
    "GlobalAveragePooling2D": "#ccbb44",
    "Flatten": "#bbbbbb",
}


class Step(NamedTuple):
    """A layer that is drawn: its kind, what it does in few words, its output's shape, and the weights that it has.

    parameters: with those of the normalisation behind it. sources: the numbers of the steps, from 0, it is fed by.
    """

    kind: str
    label: str
    shape: tuple[int, ...]
    parameters: int
    sources: list[int]


def steps(model: "keras.Model") -> list[Step]:
    """The layers that change a tensor's shape or content by weights, in order; what only rescales them is left out."""
    from keras import tree

    # Of each tensor, the step that it comes from.
    numbers: dict[int, int | None] = {}
    found: list[Step] = []
    # Operations are the layers, and what arithmetic there is between them.
    for layer in model.operations:
        sources = [number for tensor in tree.flatten(layer.input) if (number := numbers[id(tensor)]) is not None]
        kind = type(layer).__name__
        if kind in _COLOURS:
            numbers[id(layer.output)] = len(found)
            found.append(Step(kind, _label(layer), tuple(layer.output.shape[1:]), layer.count_params(), sources))
        else:
            numbers[id(layer.output)] = sources[0] if sources else None
            parameters = sum(weights.size for weights in getattr(layer, "get_weights", list)())
            if sources and parameters:
                before = found[sources[0]]
                found[sources[0]] = before._replace(parameters=before.parameters + parameters)
    return found


def save_network(model: "keras.Model", folder: Path) -> None:
    """Draw the network as rows of boxes, read from left to right and downwards."""
    from matplotlib.patches import FancyBboxPatch

    drawn = steps(model)
    rows = -(-len(drawn) // _COLUMNS)
    columns = min(len(drawn), _COLUMNS)
    figure = plots.new_figure(1.45 * columns, 1.15 * rows + 0.35)
    axes = figure.subplots()
    for number, step in enumerate(drawn):
        x = number % _COLUMNS * (_WIDTH + _GAP)
        y = -(number // _COLUMNS) * (_HEIGHT + 2 * _GAP)
        colour = _COLOURS[step.kind]
        axes.add_patch(
            FancyBboxPatch(
                (x, y), _WIDTH, _HEIGHT, boxstyle="round,pad=0.02", facecolor=colour + "33", edgecolor=colour
            )
        )
        shape = " × ".join(map(str, step.shape))
        weights = f"{step.parameters:,}" if step.parameters else ""
        axes.text(x + 0.04, y + _HEIGHT - 0.03, str(number + 1), fontsize=6, color="0.4", va="top")
        axes.text(x + _WIDTH / 2, y + 0.53, _described(step, number), fontsize=7.5, ha="center", va="center")
        axes.text(x + _WIDTH / 2, y + 0.3, shape, fontsize=7, ha="center", va="center")
        axes.text(x + _WIDTH / 2, y + 0.11, weights, fontsize=6.5, color="0.35", ha="center", va="center")
        if number % _COLUMNS:
            axes.annotate("", (x, y + _HEIGHT / 2), (x - _GAP, y + _HEIGHT / 2), arrowprops={"arrowstyle": "->"})
    axes.set_xlim(-0.08, columns * (_WIDTH + _GAP))
    axes.set_ylim(-(rows - 1) * (_HEIGHT + 2 * _GAP) - 0.1, _HEIGHT + 0.1)
    axes.set_axis_off()
    axes.set_title(f"{model.name}: {model.count_params():,} parameters", fontsize=10)
    plots.save_figure(figure, folder / NETWORK)


def _label(layer: "keras.layers.Layer") -> str:
    kind = type(layer).__name__
    if "Conv" in kind:
        size = " × ".join(map(str, layer.kernel_size))
        name = "depthwise" if kind.startswith("Depthwise") else "convolution"
        return f"{name} {size}" + (f" / {layer.strides[0]}" if layer.strides[0] > 1 else "")
    if kind == "MaxPooling2D":
        return f"maximum {layer.pool_size[0]} × {layer.pool_size[1]}"
    return {
        "Add": "add",
        "Dense": "dense",
        "Flatten": "flatten",
        "GlobalMaxPooling2D": "maximum",
        "GlobalAveragePooling2D": "average",
    }[kind]


def _described(step: Step, number: int) -> str:
    """The label, and for what is not fed by the step before it alone, by which."""
    if step.sources == [number - 1] or not number:
        return step.label
    return f"{step.label} {' + '.join(str(source + 1) for source in sorted(step.sources))}"
