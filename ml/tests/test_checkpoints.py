import numpy as np

from ml.checkpoints import Checkpoints, EpochRecord
from ml.tests.factories import small_model


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


def test_what_a_kill_left_half_written_is_never_read(tmp_path):
    checkpoints, model = Checkpoints(tmp_path), small_model()
    save_epochs(checkpoints, model, 0.2)
    # Killed while the second epoch was written, and while the first was being put in the place of an older one.
    for leftover in ("writing-0002", "epoch-0000"):
        (checkpoints.folder / leftover).mkdir()
    assert checkpoints.history() == history(0.2)
    checkpoints.save(model, history(0.2, 0.3))
    assert sorted(path.name for path in checkpoints.folder.iterdir()) == ["best.weights.h5", "epoch-0002"]


def test_cleared_checkpoints_are_gone(tmp_path):
    checkpoints, model = Checkpoints(tmp_path), small_model()
    save_epochs(checkpoints, model, 0.2)
    checkpoints.clear()
    assert (checkpoints.latest(), checkpoints.history()) == (None, [])
