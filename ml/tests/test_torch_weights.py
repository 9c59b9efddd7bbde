import io
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from ml.networks.efficientnet_lite import packaged_weights
from ml.networks.torch_weights import WeightsError, read_state_dict


@pytest.fixture(scope="module")
def path() -> Path:
    """A real file: the weights of EfficientNet-Lite0."""
    return packaged_weights()


def test_every_array_of_a_real_file_is_read(path):
    state = read_state_dict(path)
    assert len(state) == 296
    assert next(iter(state)) == "_conv_stem.weight"
    assert (state["_conv_stem.weight"].shape, state["_conv_stem.weight"].dtype) == ((32, 3, 3, 3), np.float32)
    assert (state["_fc.weight"].shape, state["_fc.bias"].shape) == ((1000, 1280), (1000,))
    assert state["_bn0.num_batches_tracked"].dtype == np.int64
    assert all(np.isfinite(array).all() for array in state.values())
    assert min(array.min() for name, array in state.items() if name.endswith("running_var")) >= 0


def test_arrays_are_those_that_pytorch_reads(path):
    torch = pytest.importorskip("torch")
    expected = torch.load(path, map_location="cpu", weights_only=True)
    state = read_state_dict(path)
    assert list(state) == list(expected)
    assert all(np.array_equal(array, expected[name].numpy()) for name, array in state.items())


@pytest.mark.parametrize("share", [0.0, 0.0001, 0.01, 0.5, 0.999])
def test_file_that_was_cut_short_is_refused(path, tmp_path, share):
    content = path.read_bytes()
    cut = tmp_path / "cut.pth"
    cut.write_bytes(content[: int(share * len(content))])
    with pytest.raises(WeightsError, match=r"cut\.pth is not a PyTorch file of weights.*Fetch it again"):
        read_state_dict(cut)


def test_file_of_another_kind_and_no_file_are_refused(tmp_path):
    other = tmp_path / "other.pth"
    for content in (b"PK\x03\x04 a zip", pickle.dumps({"epoch": 3}), b"\x80"):
        other.write_bytes(content)
        with pytest.raises(WeightsError, match="not a PyTorch file"):
            read_state_dict(other)
    with pytest.raises(WeightsError, match="There is no file"):
        read_state_dict(tmp_path / "none.pth")


class _Hostile:
    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self):
        return os.mkdir, (str(self.victim),)


def test_file_that_would_run_something_is_refused_and_runs_nothing(tmp_path):
    hostile, victim = tmp_path / "hostile.pth", tmp_path / "made"
    buffer = io.BytesIO()
    for value in (0x1950A86A20F9469CFC6C, 1001, {}, _Hostile(victim)):
        pickle.dump(value, buffer, protocol=2)
    hostile.write_bytes(buffer.getvalue())
    with pytest.raises(WeightsError, match="mkdir has no business in weights"):
        read_state_dict(hostile)
    assert not victim.exists()
