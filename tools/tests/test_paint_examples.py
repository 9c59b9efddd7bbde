"""The example images of the upload page are those that the programs here draw."""

import io

import numpy as np
import pytest
from PIL import Image

from classifier.services.predictions.example_images import EXAMPLES, EXAMPLES_FOLDER, SMALL_EXAMPLES_FOLDER
from tools.paint_examples.__main__ import PAINTERS


@pytest.mark.parametrize("painter", PAINTERS, ids=lambda painter: painter.__name__)
def test_example_is_what_its_painter_paints(painter):
    kept = EXAMPLES_FOLDER / f"{painter.__name__}.jpg"
    assert kept.stat().st_size < 20_000
    before, now = (np.asarray(Image.open(file), np.int16) for file in (kept, io.BytesIO(painter().jpeg())))
    assert np.abs(before - now).mean() < 1


def test_every_example_has_its_painter():
    assert [painter.__name__ for painter in PAINTERS] == [*EXAMPLES]
    for folder in (EXAMPLES_FOLDER, SMALL_EXAMPLES_FOLDER):
        assert sorted(path.stem for path in folder.iterdir()) == sorted(EXAMPLES)
