import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from ml.artifacts.folder import ArtifactError
from ml.tests.factories import small_model
from ml.training.checkpoints import Checkpoints, EpochRecord


def history(*accuracies: float) -> list[EpochRecord]:
    return [EpochRecord(epoch, 1, 0.5, 1, accuracy, 1e-3, 1) for epoch, accuracy in enumerate(accuracies, 1)]


def save_epochs(checkpoints: Checkpoints, model, *accuracies: float) -> None:
    """Checkpoint an epoch for each accuracy; every weight of the model is that epoch's number."""
    for epoch in range(1, len(accuracies) + 1):
        model.set_weights([np.full_like(weights, epoch) for weights in model.get_weights()])
        checkpoints.save(model, history(*accuracies[:epoch]))


def test_best_weights_are_those_of_the_best_epoch_and_not_of_the_last(tmp_path):
    checkpoints, model = Checkpoints(tmp_path), small_model()
    save_epochs(checkpoints, model, 0.2, 0.6, 0.4)
    model.load_weights(checkpoints.best_path)
    assert {float(weights.flat[0]) for weights in model.get_weights()} == {2}


def test_last_epoch_is_restored_with_its_history(tmp_path):
    checkpoints, model = Checkpoints(tmp_path), small_model()
    save_epochs(checkpoints, model, 0.2, 0.6, 0.4)
    other = small_model()
    assert Checkpoints(tmp_path).restore(other) == history(0.2, 0.6, 0.4)
    assert {float(weights.flat[0]) for weights in other.get_weights()} == {3}


def test_half_written_checkpoint_is_never_read(tmp_path):
    checkpoints, model = Checkpoints(tmp_path), small_model()
    save_epochs(checkpoints, model, 0.2)
    # Killed while the second epoch was written, and while the first was replacing an older one.
    for leftover in ("writing-0002", "epoch-0000"):
        (checkpoints.folder / leftover).mkdir()
    assert checkpoints.history() == history(0.2)
    checkpoints.save(model, history(0.2, 0.3))
    assert sorted(path.name for path in checkpoints.folder.iterdir()) == ["best.weights.h5", "epoch-0002", "sha256"]


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


@pytest.mark.parametrize("damage", [flip, cut])
def test_damaged_checkpoint_is_refused_by_name(tmp_path, damage):
    checkpoints, model = Checkpoints(tmp_path), small_model()
    save_epochs(checkpoints, model, 0.2, 0.6, 0.4)
    damage(checkpoints.latest() / "state.weights.h5")
    with pytest.raises(ArtifactError, match=r"epoch-0003/state\.weights\.h5 is not the file that was written"):
        checkpoints.restore(model)
    checkpoints.restore_best(model)
    damage(checkpoints.best_path)
    with pytest.raises(ArtifactError, match=r"best\.weights\.h5 is not the file that was written.*train again"):
        checkpoints.restore_best(model)


def test_kill_between_the_best_weights_and_the_epoch_is_no_damage(tmp_path):
    checkpoints, model = Checkpoints(tmp_path), small_model()
    save_epochs(checkpoints, model, 0.2)
    shutil.copytree(checkpoints.latest(), tmp_path / "first")
    model.set_weights([np.full_like(weights, 2) for weights in model.get_weights()])
    checkpoints.save(model, history(0.2, 0.6))
    shutil.rmtree(checkpoints.latest())
    (tmp_path / "first").rename(checkpoints.folder / "epoch-0001")
    assert checkpoints.restore(model) == history(0.2)
    checkpoints.restore_best(model)
    assert {float(weights.flat[0]) for weights in model.get_weights()} == {2}


def test_cleared_checkpoints_are_gone(tmp_path):
    checkpoints, model = Checkpoints(tmp_path), small_model()
    save_epochs(checkpoints, model, 0.2)
    checkpoints.clear()
    assert (checkpoints.latest(), checkpoints.history()) == (None, [])
