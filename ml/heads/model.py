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


class _HeadNetwork(Network):
    def __init__(self, head: Head, backbone: Network) -> None:
        self.card = replace(backbone.card, class_names=head.class_names, networks={})
        self.framing = backbone.framing
        calibration, thresholds = Calibration(head.temperature), {DEFAULT_SCORE: head.threshold}
        self.rule = DecisionRule(calibration, DEFAULT_SCORE, thresholds, None, head.none_index)
        self._head, self._backbone = head, backbone

    def predict(self, images: np.ndarray) -> Predictions:
        return self._head.predict(self._backbone.outputs(images).features)

    def outputs(self, images: np.ndarray) -> Outputs:
        features = self._backbone.outputs(images).features
        return Outputs(self._head.logits(features), features)
