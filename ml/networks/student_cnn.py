"""The student project's network: six convolutions, four hidden dense layers, 11,332,138 parameters."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def student_cnn(input_shape: tuple[int, int, int], class_count: int) -> "keras.Model":
    """Build the network for pixels 0-255 of `input_shape` (height, width, channels); softmax over `class_count`.

    Layer by layer as in the summary in the student project's notebook, plus the rescaling to 0-1.
    """
    import keras
    from keras import layers

    inputs = keras.Input(input_shape, name="image")
    x = layers.Rescaling(1 / 255, name="rescale")(inputs)
    for filters in (32, 64, 128):
        for _ in range(2):
            x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
            x = layers.BatchNormalization()(x)
        x = layers.MaxPooling2D(2)(x)
        x = layers.Dropout(0.0)(x)
    x = layers.Flatten()(x)
    for units in (2048, 2048, 1024, 512):
        x = layers.Dense(units, activation="relu")(x)
        x = layers.BatchNormalization()(x)
        x = layers.Dropout(0.5)(x)
    # Probabilities stay float32 under mixed precision too.
    outputs = layers.Dense(class_count, activation="softmax", dtype="float32", name="probabilities")(x)
    return keras.Model(inputs, outputs, name="cifar10")
