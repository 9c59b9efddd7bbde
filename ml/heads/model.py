"""A head on the network that computes its features: a model like any other. Any number of heads share one network."""

from dataclasses import replace

import numpy as np

from ml.confidence.calibration import Calibration
from ml.confidence.decision import DEFAULT_SCORE, DecisionRule, Outputs, Predictions
from ml.heads.head import Head
from ml.serving.inference import LoadedModel, Network


class HeadModel(LoadedModel):
    """head: made of this network's features."""

    def __init__(self, head: Head, backbone: Network) -> None:
        self.card = replace(backbone.card, class_names=head.class_names, networks={})
        self.networks = {"": _HeadNetwork(head, backbone)}
        self._head = head

    def predict_features(self, features: np.ndarray) -> Predictions:
        """Return predictions for features (N, F) that the network has computed before."""
        return self._head.predict(as_stored(features))


class _HeadNetwork(Network):
    def __init__(self, head: Head, backbone: Network) -> None:
        self.card = replace(backbone.card, class_names=head.class_names, networks={})
        self.framing = backbone.framing
        calibration, thresholds = Calibration(head.temperature), {DEFAULT_SCORE: head.threshold}
        self.rule = DecisionRule(calibration, DEFAULT_SCORE, thresholds, None, head.none_index)
        self._head, self._backbone = head, backbone

    def decide(self, outputs: Outputs) -> Predictions:
        return self._head.predict(outputs.features)

    def outputs(self, images: np.ndarray) -> Outputs:
        features = as_stored(self._backbone.outputs(images).features)
        return Outputs(self._head.logits(features), features)


def as_stored(features: np.ndarray) -> np.ndarray:
    """Round features to what is stored of them, so that an image gets the same answer before and after."""
    return features.astype(np.float16).astype(np.float32)
