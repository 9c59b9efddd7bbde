"""Networks pretrained on ImageNet, for transfer learning.

The backbone is Keras's own (keras.applications), its thousand classes replaced by a dense layer for those of the data.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import keras

#: Smaller images are enlarged inside the network: these backbones reduce an image thirty-two times.
SMALLEST_SIDE = 96
#: The input size of the pretraining; the layers below the last take any size.
IMAGENET_SIDE = 224
#: Mean red, green and blue of ImageNet, which is subtracted from VGG's pixels.
_VGG_MEANS = (123.68, 116.779, 103.939)


class WeightsMissing(Exception):
    """Pretrained weights are missing; the message says how to get them."""


class Application(NamedTuple):
    """A network of keras.applications.

    builder: its name there. takes_pixels: whether it rescales pixels 0-255 itself; VGG expects them in the order blue,
    green, red, with their mean subtracted.
    """

    builder: str
    takes_pixels: bool = True

    def build(self, input_shape: tuple[int, int, int], class_count: int) -> "keras.Model":
        """Return the network with random weights: pixels 0-255 in, probabilities of `class_count` classes out."""
        import keras
        from keras import layers

        inputs = keras.Input(input_shape)
        x = enlarged(inputs)
        if not self.takes_pixels:
            x = layers.Rescaling([1.0, 1.0, 1.0], offset=[-mean for mean in _VGG_MEANS])(x)
        backbone = self._backbone()(include_top=False, weights=None, input_tensor=x, pooling="avg")
        x = layers.Dropout(0.2)(backbone.output)
        # Softmax in float32, whatever the network's precision.
        outputs = layers.Dense(class_count, activation="softmax", dtype="float32")(x)
        return keras.Model(inputs, outputs, name=self.builder.lower())

    def load_imagenet(self, model: "keras.Model", file: Path | None = None) -> None:
        """Load the backbone's ImageNet weights from `file`, or from a download that Keras caches.

        Raises WeightsMissing.
        """
        shape = (IMAGENET_SIDE, IMAGENET_SIDE, 3)
        try:
            source = self._backbone()(include_top=False, weights=str(file) if file else "imagenet", input_shape=shape)
        except Exception as error:
            # Keras raises many kinds of exceptions for failed downloads and bad files.
            raise WeightsMissing(
                f"{f'{file} does not hold' if file else 'Keras could not fetch'} the weights of {self.builder} without "
                f"its last layer ({error}). Check the network and try again, or give the file that keras.applications "
                "names with --weights FILE."
            ) from error
        loaded = {layer.name: layer.get_weights() for layer in source.layers if layer.weights}
        if not self.takes_pixels:
            self._to_red_green_blue(source, loaded)
        for layer in model.layers:
            if layer.name in loaded:
                layer.set_weights(loaded[layer.name])

    def _backbone(self) -> Callable[..., "keras.Model"]:
        import keras

        return getattr(keras.applications, self.builder)

    def _to_red_green_blue(self, source: "keras.Model", loaded: dict[str, list]) -> None:
        first = next(layer.name for layer in source.layers if layer.weights)
        kernel, bias = loaded[first]
        loaded[first] = [kernel[:, :, ::-1], bias]


def enlarged(x: "keras.KerasTensor") -> "keras.KerasTensor":
    """Enlarge small images by a whole number, to at least 96 pixels a side; leave others alone."""
    from keras import layers

    factor = -(-SMALLEST_SIDE // min(x.shape[1:3]))
    return x if factor == 1 else layers.UpSampling2D(factor, interpolation="bilinear", name="enlarged")(x)


APPLICATIONS = {
    "efficientnet_v2_b0": Application("EfficientNetV2B0"),
    "mobilenet_v3_large": Application("MobileNetV3Large"),
    "mobilenet_v3_small": Application("MobileNetV3Small"),
    "vgg16": Application("VGG16", takes_pixels=False),
}
