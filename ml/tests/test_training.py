import itertools
import json
import math
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from ml.data.dataset import Dataset, Split
from ml.networks.registry import UnknownArchitecture, find_architecture
from ml.tests.factories import (
    TINY_RESNET,
    Listener,
    assert_same_history,
    divided_dataset,
    small_dataset,
    tiny_settings,
)
from ml.training.loop import EpochRecord, TrainingError, TrainingResult, best_epoch, read_history, train
from ml.training.run_settings import RunSettings, SettingsError


def test_epochs_are_recorded_with_sane_figures(undisturbed):
    _, result, listener, _ = undisturbed
    assert result.finished
    assert result.history == listener.epochs
    assert [record.epoch for record in result.history] == [1, 2, 3]
    for record in result.history:
        assert all(math.isfinite(value) for value in asdict(record).values())
        assert 0 <= record.accuracy <= 1
        assert 0 <= record.validation_accuracy <= 1
        assert record.loss > 0
        assert record.seconds > 0


def test_training_learns(undisturbed):
    history = undisturbed.result.history
    assert history[-1].loss < history[0].loss
    assert history[-1].accuracy > 0.2


def test_progress_is_reported_for_every_batch(undisturbed):
    assert undisturbed.listener.batches == list(itertools.product([1, 2, 3], [1, 2, 3, 4], [4]))


def test_learning_rate_falls_along_a_cosine_to_zero(undisturbed):
    # Twelve steps, of which two warm up and ten decay.
    expected = [1e-3 * (1 + math.cos(math.pi * decayed / 10)) / 2 for decayed in (2, 6, 10)]
    assert [record.learning_rate for record in undisturbed.result.history] == pytest.approx(expected, abs=1e-8)


def test_checkpoints_are_the_last_epoch_and_the_best_weights_alone(undisturbed):
    folder = undisturbed.folder
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoints", "settings.json"]
    assert sorted(path.name for path in (folder / "checkpoints").iterdir()) == [
        "best.weights.h5",
        "epoch-0003",
        "sha256",
    ]
    assert read_history(folder) == undisturbed.result.history


def test_result_is_the_best_epochs_float32_network(undisturbed, dataset):
    result = undisturbed.result
    best = best_epoch(result.history)
    predicted = result.model.predict(dataset.validation.images.astype("float32"), verbose=0).argmax(axis=1)
    assert result.best_epoch == best.epoch
    assert (predicted == dataset.validation.labels).mean() == pytest.approx(best.validation_accuracy)
    assert {weights.dtype for weights in result.model.get_weights()} == {np.dtype("float32")}


def test_epochs_are_validated_on_the_half_that_chooses(tmp_path):
    dataset = divided_dataset()
    settings = tiny_settings(dataset, epochs=2, batch_size=16, optimizer="sgd", learning_rate=0.05, weight_average=0.8)
    result = train(replace(settings, architecture=TINY_RESNET), dataset, tmp_path, Listener())

    def accuracy(split: Split) -> float:
        predicted = result.model.predict(split.images.astype("float32"), verbose=0).argmax(axis=1)
        return float((predicted == split.labels).mean())

    best = best_epoch(result.history)
    assert best.validation_accuracy == pytest.approx(accuracy(dataset.selection))
    assert best.validation_accuracy != pytest.approx(accuracy(dataset.reporting))


def test_best_epoch_is_the_most_accurate_and_on_a_tie_the_one_of_lower_loss():
    rows = [(1, 0.5, 1.0), (2, 0.7, 1.4), (3, 0.7, 1.2), (4, 0.6, 0.1)]
    history = [EpochRecord(epoch, 0, 0, loss, accuracy, 0, 1) for epoch, accuracy, loss in rows]
    assert best_epoch(history).epoch == 3


def test_settings_survive_their_file(dataset, tmp_path):
    settings = tiny_settings(dataset)
    settings.save(tmp_path / "run")
    assert RunSettings.load(tmp_path / "run") == settings


def run_process(data_dir, run_folder, *options: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "ml.tests.training_run", str(data_dir), str(run_folder), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.endurance
def test_run_killed_in_its_second_epoch_and_resumed_is_the_run_that_was_not(cifar10_folder, undisturbed, tmp_path):
    with run_process(cifar10_folder, tmp_path) as process:
        for line in process.stdout:
            if line == "2 2\n":
                process.kill()
    assert process.returncode == -9
    assert [record.epoch for record in read_history(tmp_path)] == [1]

    with run_process(cifar10_folder, tmp_path, "--resume") as process:
        lines = process.stdout.read().splitlines()
    assert process.returncode == 0
    assert lines[0] == "2 1"
    assert_same_history(read_history(tmp_path), undisturbed.result.history)
    settings = undisturbed.settings
    model = find_architecture(settings.architecture).build(settings.image_shape, len(settings.class_names))
    model.load_weights(tmp_path / "checkpoints" / "best.weights.h5")
    for weights, expected in zip(model.get_weights(), undisturbed.result.model.get_weights()):
        assert np.allclose(weights, expected, rtol=0, atol=1e-5)


def test_finished_run_is_resumed_without_training(dataset, undisturbed):
    _, result, _, folder = undisturbed
    listener = Listener()
    again = train(RunSettings.load(folder), dataset, folder, listener, resume=True)
    assert (again.history, again.finished, listener.batches) == (result.history, True, [])
    assert all(map(np.array_equal, again.model.get_weights(), result.model.get_weights()))


class Averaged(NamedTuple):
    dataset: Dataset
    result: TrainingResult
    resumed: TrainingResult
    resumed_epochs: list[EpochRecord]
    folder: Path


@pytest.fixture(scope="module")
def averaged(tmp_path_factory) -> Averaged:
    """Momentum, averaged weights and mixup on three classes; and the same, stopped after an epoch and resumed."""
    dataset = small_dataset()
    settings = replace(
        tiny_settings(dataset, epochs=2, batch_size=16, optimizer="sgd", weight_average=0.8, mixup=0.3),
        architecture=TINY_RESNET,
    )
    folder, stopped_folder = tmp_path_factory.mktemp("averaged"), tmp_path_factory.mktemp("stopped")
    result = train(settings, dataset, folder, Listener())
    train(settings, dataset, stopped_folder, Listener(stop_after=1))
    listener = Listener()
    resumed = train(RunSettings.load(stopped_folder), dataset, stopped_folder, listener, resume=True)
    return Averaged(dataset, result, resumed, listener.epochs, folder)


def test_run_with_averaged_weights_stopped_and_resumed_is_the_run_that_was_not(averaged):
    assert [record.epoch for record in averaged.resumed_epochs] == [2]
    assert_same_history(averaged.resumed.history, averaged.result.history)
    for weights, expected in zip(averaged.resumed.model.get_weights(), averaged.result.model.get_weights()):
        assert np.allclose(weights, expected, rtol=0, atol=1e-5)


def test_averaged_weights_are_what_was_validated_and_is_kept(averaged):
    import keras

    result, validation = averaged.result, averaged.dataset.validation
    best = best_epoch(result.history)
    kept = result.model(validation.images.astype("float32")).numpy()
    targets = keras.ops.one_hot(validation.labels, 3)
    loss = float(keras.ops.mean(keras.losses.categorical_crossentropy(targets, kept)))
    assert loss == pytest.approx(best.validation_loss, abs=1e-4)
    assert (kept.argmax(axis=1) == validation.labels).mean() == pytest.approx(best.validation_accuracy)

    last = find_architecture(TINY_RESNET).build((16, 16, 3), 3)
    last.load_weights(averaged.folder / "checkpoints" / "best.weights.h5")
    assert not np.allclose(last.get_weights()[-2], result.model.get_weights()[-2], rtol=0, atol=1e-4)


def test_architecture_is_initialised_from_the_training_images_and_keeps_what_is_frozen(averaged):
    architecture = find_architecture(TINY_RESNET)
    expected = architecture.build((16, 16, 3), 3)
    architecture.initialise(expected, averaged.dataset.train.images)
    for model in (averaged.result.model, averaged.resumed.model):
        kernel = model.get_layer("whitening").get_weights()[0]
        assert np.array_equal(kernel, expected.get_layer("whitening").get_weights()[0])


@pytest.fixture(scope="module")
def mixed(dataset, tmp_path_factory) -> tuple[TrainingResult, Path]:
    """One epoch of mixed precision, in the folder of an older, longer run."""
    folder = tmp_path_factory.mktemp("mixed")
    (folder / "checkpoints" / "epoch-0009").mkdir(parents=True)
    settings = tiny_settings(dataset, epochs=1, batch_size=256, compute_dtype="mixed_bfloat16")
    return train(settings, dataset, folder, Listener()), folder


def test_new_run_in_an_old_folder_starts_from_scratch(mixed):
    result, folder = mixed
    assert [record.epoch for record in result.history] == [1]
    assert not (folder / "checkpoints" / "epoch-0009").exists()


def test_mixed_precision_trains_and_gives_a_float32_network(mixed):
    result, _ = mixed
    assert {layer.compute_dtype for layer in result.model.layers} == {"float32"}
    assert math.isfinite(result.history[0].loss)


def test_resume_with_another_data_set_is_refused(dataset, tmp_path):
    settings = replace(tiny_settings(dataset), fingerprint="sha256:another")
    settings.save(tmp_path)
    with pytest.raises(TrainingError, match="data set is not the one"):
        train(RunSettings.load(tmp_path), dataset, tmp_path, Listener(), resume=True)


def test_resume_without_a_run_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="no run to resume") as caught:
        RunSettings.load(tmp_path / "nowhere")
    assert str(tmp_path / "nowhere") in str(caught.value)


def test_unknown_architecture_is_refused(dataset, tmp_path):
    with pytest.raises(UnknownArchitecture):
        train(replace(tiny_settings(dataset), architecture="resnet"), dataset, tmp_path, Listener())


def test_folder_without_checkpoints_has_no_history(tmp_path):
    assert read_history(tmp_path) == []


def test_settings_file_is_plain_json_with_every_hyper_parameter(dataset, tmp_path):
    settings = tiny_settings(dataset)
    settings.save(tmp_path)
    values = json.loads((tmp_path / "settings.json").read_text())
    assert values["recipe"] == settings.recipe.as_dict()
    assert [path.name for path in tmp_path.iterdir()] == ["settings.json"]


def test_batch_normalisation_measures_over_as_many_steps_as_the_weights_are_averaged_over(averaged, monkeypatch):
    import keras

    momenta = []
    fit = keras.Model.fit

    def looked_at(model, *arguments, **options):
        momenta.extend(layer.momentum for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization))
        return fit(model, *arguments, **options)

    monkeypatch.setattr(keras.Model, "fit", looked_at)
    settings = RunSettings.load(averaged.folder)
    train(replace(settings, recipe=settings.recipe.changed(epochs=1)), averaged.dataset, averaged.folder, Listener())
    assert len(momenta) == 3
    assert set(momenta) == {0.8}


class WithDropout(NamedTuple):
    """The folder of a run with dropout that was stopped after an epoch, and what its process has said."""

    folder: Path
    env: dict[str, str]
    found: dict


def run_with_dropout(folder: Path, env: dict[str, str], *options: str) -> Any:
    command = [sys.executable, "-m", "ml.tests.resumed_run", str(folder), *options]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module", params=["tensorflow", "torch", "jax"])
def with_dropout(request, tmp_path_factory) -> WithDropout:
    pytest.importorskip(request.param)
    folder, env = tmp_path_factory.mktemp(request.param), {**os.environ, "KERAS_BACKEND": request.param}
    return WithDropout(folder, env, run_with_dropout(folder, env))


def test_dropout_in_layers_within_layers_is_drawn_from_the_seed_and_the_epoch(with_dropout):
    """Keras leaves it to PyTorch's own generator there, which a resumed run would have in another state."""
    first, again, of_another_epoch = with_dropout.found["dropped"]
    assert first == again
    assert first != of_another_epoch


def test_resumed_run_with_dropout_ends_as_an_uninterrupted_one_does_to_the_last_bit(with_dropout):
    undisturbed, stopped = with_dropout.found["undisturbed"], with_dropout.found["stopped"]
    assert (len(undisturbed[0]), len(stopped[0])) == (2, 1)
    assert run_with_dropout(with_dropout.folder, with_dropout.env, "--resume") == undisturbed
