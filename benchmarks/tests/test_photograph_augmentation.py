from dataclasses import fields

import numpy as np
import pytest
from PIL import Image

from benchmarks.photograph_augmentation import MARGINS, STEPS, Photographs, augmentations
from ml.data.augmentation import NONE, Augmentation


def test_every_step_keeps_what_the_steps_before_it_added_or_enlarges_it():
    found = list(augmentations().values())
    for before, after in zip([NONE, *found], found):
        changed = [f.name for f in fields(Augmentation) if getattr(before, f.name) != getattr(after, f.name)]
        assert changed
        assert all(getattr(after, name) > getattr(before, name) for name in changed)
    assert len(found) == len(STEPS)


class Reddest:
    """Answers class 1 where the image is red, and class 0 elsewhere."""

    def predict(self, images: np.ndarray, verbose: int, batch_size: int) -> np.ndarray:
        red = images[..., 0].mean(axis=(1, 2)) > 100
        return np.stack([~red, red], axis=1).astype(np.float32)


def test_photographs_are_scored_by_margin_over_images_and_over_classes(tmp_path):
    framed = Image.new("RGB", (60, 60), (250, 0, 0))
    framed.paste((0, 0, 0), (12, 12, 48, 48))  # black within the middle 60%, red around it
    for folder, pictures in {
        "black": [Image.new("RGB", (60, 60)), framed],
        "red": [Image.new("RGB", (60, 60), (250, 0, 0))],
        "none": [framed],
    }.items():
        (tmp_path / folder).mkdir()
        for number, picture in enumerate(pictures):
            picture.save(tmp_path / folder / f"{number}.png")
    scores = Photographs.read(tmp_path, ("black", "red"), side=16).score(Reddest())
    assert list(scores) == [f"{margin:.0%}" for margin in MARGINS]
    assert scores["0%"] == pytest.approx((2 / 3, 0.75))
    assert scores["30%"] == (1.0, 1.0)
