import pytest
from PIL import Image

from ml.networks.registry import find_architecture
from ml.plots.architecture import save_network, steps
from ml.tests.factories import small_model


@pytest.fixture(scope="module")
def residual():
    return find_architecture("compact_resnet").build((32, 32, 3), 10)


def test_steps_are_the_layers_in_order_with_all_their_parameters():
    found = steps(small_model())
    assert [step.label for step in found] == ["convolution 3 × 3", "maximum 4 × 4", "flatten", "dense", "dense"]
    assert [step.shape for step in found] == [(32, 32, 8), (8, 8, 8), (512,), (1100,), (10,)]
    assert sum(step.parameters for step in found) == small_model().count_params()
    assert [step.sources for step in found] == [[], [0], [1], [2], [3]]


def test_a_residual_pair_is_fed_by_both_its_ways(residual):
    found = steps(residual)
    adds = [step for step in found if step.kind == "Add"]
    assert len(adds) == 3
    assert sorted(adds[0].sources) == [2, 4]
    assert sum(step.parameters for step in found) == residual.count_params()


def test_picture_names_the_network_and_its_size(residual, tmp_path):
    save_network(residual, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["network.png", "network.svg"]
    # Matplotlib draws letters as outlines and keeps the words in comments.
    text = (tmp_path / "network.svg").read_text()
    assert "compact_resnet: 2,824,970 parameters" in text
    assert "add 3 + 5" in text
    with Image.open(tmp_path / "network.png") as picture:
        assert picture.width > picture.height
