"""The networks that can be trained, by name. A builder imports Keras only when it is called."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ml.architectures.student_cnn import student_cnn

if TYPE_CHECKING:
    import keras

ARCHITECTURES: dict[str, Callable[..., "keras.Model"]] = {"student_cnn": student_cnn}


class UnknownArchitecture(ValueError):
    """No architecture has this name."""


def find_architecture(name: str) -> Callable[..., "keras.Model"]:
    """Return the builder `(input_shape, class_count) -> keras.Model`; its input is pixels 0-255, its output softmax."""
    try:
        return ARCHITECTURES[name]
    except KeyError:
        names = ", ".join(sorted(ARCHITECTURES))
        raise UnknownArchitecture(f"There is no architecture {name!r}. Choose one of: {names}.") from None
