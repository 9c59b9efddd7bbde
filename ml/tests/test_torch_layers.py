import json
import os
import subprocess
import sys

import pytest

from ml.networks import torch_layers
from ml.tests.factories import small_model


def test_model_is_left_alone_on_tensorflow():
    model = small_model()
    assert torch_layers.faster(model) is model


@pytest.mark.parametrize("architecture", ["compact_resnet", "airbench_resnet"])
def test_layers_compute_what_keras_computes(architecture):
    pytest.importorskip("torch")
    found = json.loads(
        subprocess.run(
            [sys.executable, "-m", "ml.tests.faster_layers", architecture],
            env={**os.environ, "KERAS_BACKEND": "torch"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()[-1]
    )
    assert found["substituted"] == 13
    assert found["same names"]
    assert found["same paths"]
    assert found["serving"] < 1e-5
    assert found["training"] < 1e-5
    # PyTorch keeps the variance of a sample, Keras that of the batch: a 256th apart at the most.
    assert found["weights"] < 5e-3
    assert found["moved"] > 0.1
