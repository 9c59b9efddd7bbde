"""Explain a prediction, computed from the stored upload on request."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from classifier.models import ModelVersion, Prediction
from classifier.services.models import heads
from classifier.services.models.serving import loaded_model
from classifier.services.operations.storage import storage_errors
from classifier.services.predictions.neighbours import Neighbourhood, neighbourhood
from classifier.services.predictions.turns import Workers, turn
from classifier.services.predictions.working_copies import picture_of
from classifier.storages.model_folders import own_or_at_hand
from ml.artifacts.folder import ArtifactError
from ml.evaluation.metrics import FEWEST_FOR_CALIBRATION, wilson_interval
from ml.images import preprocessing
from ml.images.errors import ImageError
from ml.images.preprocessing import WHOLE, DecodedImage, Framing
from ml.serving import explanation
from ml.serving.inference import LoadedModel, NetworkInput
from ml.serving.routing import PHOTOGRAPHS

#: The largest opacity of the map, from 0 to 255.
_STRONGEST = 210
_MAP_SIDE = 224
#: Warm colours for evidence for the class, cold ones for evidence against it.
_FOR, _AGAINST = (226, 88, 34), (46, 110, 190)
#: A change of the score in nats below which a map is almost invisible.
_FAINTEST = 0.5


class ExplanationUnavailable(Exception):
    """The upload's file or the model's folder no longer exists."""


@dataclass(frozen=True)
class Preparation:
    """How a file became what the network saw.

    steps: of ml.images.preprocessing.STEPS, those taken. kept_width, kept_height: the shares left after the crop.
    """

    steps: tuple[str, ...]
    file_size: tuple[int, int]
    input_size: tuple[int, int]
    kept_width: float
    kept_height: float

    @property
    def cut(self) -> bool:
        return min(self.kept_width, self.kept_height) < 1


@dataclass(frozen=True)
class Track:
    """How answers as confident as this one fared: of `count` test images between `low` and `high`, the share right, and
    its 95% interval.
    """

    low: float
    high: float
    count: int
    right: float

    @property
    def interval(self) -> tuple[float, float]:
        return wilson_interval(round(self.right * self.count), self.count)


@dataclass(frozen=True)
class Explanation:
    """An explanation. `same` of `tried` slightly changed images get the same class as the input.

    neighbourhood: the training images most like it, None where there is no index of them.
    """

    preparation: Preparation
    same: int
    tried: int
    neighbourhood: Neighbourhood | None


def explain_prediction(*, prediction: Prediction) -> Explanation:
    """Explain a prediction: the preprocessing, its stability, and similar training images.

    Raises ExplanationUnavailable, StorageUnavailable, turns.Busy.
    """
    decoded = _decoded(prediction)
    network_input = _network_input(prediction, decoded)
    with turn(Workers.INTERPRETERS):
        model = _model(prediction)
        same, tried = explanation.agreement(model, network_input)
        near = _neighbourhood(prediction.model_version, model, network_input)
    return Explanation(_preparation(prediction, decoded), same, tried, near)


def stability_of(*, prediction: Prediction) -> tuple[int, int]:
    """Return how many of the slightly changed images get the same class as the input, and how many were tried.

    Raises ExplanationUnavailable, StorageUnavailable, turns.Busy.
    """
    network_input = _network_input(prediction, _decoded(prediction))
    with turn(Workers.INTERPRETERS):
        return explanation.agreement(_model(prediction), network_input)


def _neighbourhood(version: ModelVersion, model: LoadedModel, network_input: NetworkInput) -> Neighbourhood | None:
    # A head of own classes has no folder, and no index of training images.
    if version.classifier_id is not None:
        return None
    folder = own_or_at_hand(version.path, version.digest)
    return neighbourhood(folder=folder, model=model, network_input=network_input)


def _preparation(prediction: Prediction, decoded: DecodedImage) -> Preparation:
    height, width, _channels = prediction.network_card["input_shape"]
    size = decoded.picture.size
    left, upper, right, lower = _framing(prediction).box(size, (width, height))
    return Preparation(
        decoded.steps,
        (decoded.width, decoded.height),
        (width, height),
        (right - left) / size[0],
        (lower - upper) / size[1],
    )


def input_png(*, prediction: Prediction) -> bytes:
    """Return the network's input, pixel by pixel. Raises ExplanationUnavailable, StorageUnavailable, turns.Busy."""
    return _png(Image.fromarray(_network_input(prediction, _decoded(prediction)).pixels))


def map_png(*, prediction: Prediction, over_upload: bool = False) -> bytes:
    """The heat map to lay over the network's input: warm areas support the class.

    over_upload: over the whole upload instead; what the network did not see is transparent there.

    Raises ExplanationUnavailable, StorageUnavailable, turns.Busy.
    """
    if prediction.abstained:
        raise ExplanationUnavailable(f"The prediction {prediction.pk} is an abstention: there is no class to explain.")
    class_index = prediction.model_version.class_names.index(prediction.predicted_class)
    decoded = _decoded(prediction)
    network_input = _network_input(prediction, decoded)
    with turn(Workers.INTERPRETERS):
        values = explanation.occlusion_map(_model(prediction), network_input, class_index)
    strength = np.abs(values) / max(float(np.abs(values).max()), _FAINTEST)
    layers = np.zeros((*values.shape, 4), np.uint8)
    layers[..., :3] = np.where((values > 0)[..., None], _FOR, _AGAINST)
    layers[..., 3] = (_STRONGEST * strength).astype(np.uint8)
    heat = Image.fromarray(layers)
    if not over_upload:
        return _png(heat.resize((_MAP_SIDE, _MAP_SIDE), Image.Resampling.BICUBIC))
    height, width, _channels = prediction.network_card["input_shape"]
    left, upper, right, lower = map(round, _framing(prediction).box(decoded.picture.size, (width, height)))
    whole = Image.new("RGBA", decoded.picture.size)
    whole.paste(heat.resize((max(right - left, 1), max(lower - upper, 1)), Image.Resampling.BICUBIC), (left, upper))
    return _png(whole)


def track_record(prediction: Prediction) -> Track | None:
    """The accuracy on test images with similar confidence; None if it does not apply.

    It tells nothing of an abstention, of a picture that was taken for a photograph when the network was tested on
    thumbnails, and where too few images were tested. The temperature was fitted on the validation images, so that
    their bins would flatter.
    """
    if prediction.abstained or prediction.network == PHOTOGRAPHS or not prediction.saw_the_whole:
        return None
    test = prediction.model_version.card["metrics"].get("test", {})
    if test.get("count", 0) < FEWEST_FOR_CALIBRATION:
        return None
    for group in test["reliability"]:
        if group["low"] <= prediction.confidence <= group["high"] and group["count"]:
            return Track(group["low"], group["high"], group["count"], group["accuracy"])
    return None


def _decoded(prediction: Prediction) -> DecodedImage:
    with storage_errors():
        try:
            return picture_of(upload=prediction.upload)
        except FileNotFoundError as error:
            raise ExplanationUnavailable(f"The file of the upload {prediction.upload_id} is gone.") from error
        except ImageError as error:
            raise ExplanationUnavailable(f"The upload {prediction.upload_id} cannot be read: {error}") from error


def _framing(prediction: Prediction) -> Framing:
    return WHOLE if prediction.saw_the_whole else Framing(**prediction.network_card["framing"])


def _network_input(prediction: Prediction, decoded: DecodedImage) -> NetworkInput:
    height, width, _channels = prediction.network_card["input_shape"]
    pixels = preprocessing.to_input(decoded.picture, height, width, _framing(prediction))
    return NetworkInput(prediction.network, pixels, prediction.saw_the_whole)


def _model(prediction: Prediction) -> LoadedModel:
    try:
        version = prediction.model_version
        return loaded_model(version) if version.classifier_id is None else heads.served(version).model
    except (ArtifactError, heads.HeadGone) as error:
        raise ExplanationUnavailable(str(error)) from error


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
