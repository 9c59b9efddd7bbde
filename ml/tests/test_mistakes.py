"""The most confident mistakes: which they are, in which order, and where each image stands."""

import numpy as np
import pytest
from PIL import Image

from ml.artifacts.folder import ArtifactError
from ml.artifacts.mistakes import COLUMNS, IMAGES_FILE, MOST, load_mistakes, save_mistakes


def save(folder, labels, predicted, confidence):
    """Images of one grey each: the number of the image."""
    images = np.broadcast_to(np.arange(len(labels), dtype=np.uint8)[:, None, None, None], (len(labels), 4, 6, 3))
    probabilities = np.full((len(labels), 3), 0.0)
    probabilities[np.arange(len(labels)), predicted] = confidence
    save_mistakes(images, np.array(labels), probabilities, folder)
    return load_mistakes(folder)


def test_wrong_predictions_are_stored_with_the_most_confident_first(tmp_path):
    found = save(tmp_path, [0, 1, 2, 0], [0, 2, 1, 2], [0.9, 0.5, 0.8, 0.7])
    assert [(item.true, item.predicted, item.confidence) for item in found.items] == [
        (2, 1, 0.8),
        (0, 2, 0.7),
        (1, 2, 0.5),
    ]
    pixels = np.asarray(Image.open(tmp_path / IMAGES_FILE))
    for item, number in zip(found.items, (2, 3, 1), strict=True):
        image = pixels[item.top : item.top + found.height, item.left : item.left + found.width]
        assert image.shape == (4, 6, 3)
        assert set(image.flat) == {number}


def test_many_mistakes_fill_rows_up_to_a_limit(tmp_path):
    found = save(tmp_path, [0] * 40, [1] * 40, np.linspace(0.4, 0.9, 40))
    assert len(found.items) == MOST
    assert (found.items[COLUMNS].left, found.items[COLUMNS].top) == (0, 4)


def test_model_without_mistakes_has_an_empty_picture(tmp_path):
    assert save(tmp_path, [0, 1], [0, 1], [0.5, 0.5]).items == []
    assert np.asarray(Image.open(tmp_path / IMAGES_FILE)).min() == 255


@pytest.mark.parametrize("content", [None, "", "[]", '{"height": 1, "width": 1, "items": [{}]}'])
def test_damaged_file_is_named(tmp_path, content):
    if content is not None:
        (tmp_path / "mistakes.json").write_text(content)
    with pytest.raises(ArtifactError, match=r"mistakes\.json cannot be read"):
        load_mistakes(tmp_path)
