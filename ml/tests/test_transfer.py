import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml.artifacts import folder as artifacts
from ml.artifacts.export import outputs_of
from ml.building.pipeline import produce
from ml.confidence.calibration import softmax
from ml.data.dataset import Dataset
from ml.networks.registry import find_architecture
from ml.tests.factories import TINY_RESNET, Listener, run_settings, small_dataset, tiny_recipe
from ml.training.loop import train
from ml.training.run_settings import RunSettings, SettingsError
from ml.training.transfer import ModelSource, TransferError, take_weights, teacher

ARCHITECTURE = TINY_RESNET
SMALL = {"epochs": 1, "batch_size": 16}
#: So small that an epoch changes no weight.
STILL = {**SMALL, "learning_rate": 1e-12, "weight_decay": 0.0}


@pytest.fixture(scope="module")
def colours() -> Dataset:
    return small_dataset()


@pytest.fixture(scope="module")
def trained(colours, tmp_path_factory) -> Path:
    """The folder of a model that has learnt three colours for an epoch."""
    root = tmp_path_factory.mktemp("trained")
    settings = replace(run_settings(colours, **SMALL), name="first", architecture=ARCHITECTURE)
    produce(settings, colours, run_folder=root / "run", model_folder=root / "first", listener=Listener())
    return root / "first"


@pytest.fixture(scope="module")
def source(trained) -> ModelSource:
    return ModelSource.of(trained)


def settings_from(dataset: Dataset, recipe: dict, **changes) -> RunSettings:
    return replace(run_settings(dataset), architecture=ARCHITECTURE, recipe=tiny_recipe(**recipe), **changes)


def test_every_layer_gets_its_weights(source):
    model = find_architecture(ARCHITECTURE).build((16, 16, 3), 3)
    assert take_weights(model, source) == []
    trained_model, _card = source.load()
    assert all(map(np.array_equal, model.get_weights(), trained_model.get_weights()))


def test_a_head_for_other_classes_is_left_as_it_was(source):
    model = find_architecture(ARCHITECTURE).build((16, 16, 3), 5)
    head = model.layers[-1].get_weights()
    assert take_weights(model, source) == [model.layers[-1].name]
    assert all(map(np.array_equal, model.layers[-1].get_weights(), head))
    trained_model, _card = source.load()
    for layer, other in zip(model.layers[:-1], trained_model.layers[:-1]):
        assert all(map(np.array_equal, layer.get_weights(), other.get_weights()))


def test_weights_of_another_architecture_are_refused(source, colours):
    settings = settings_from(colours, SMALL, initial_weights=source)
    with pytest.raises(SettingsError, match=rf"first is a {ARCHITECTURE}.*do not fit a student_cnn"):
        replace(settings, architecture="student_cnn")


def test_model_that_has_been_replaced_is_refused(source):
    other = replace(source, sha256="0" * 64)
    with pytest.raises(TransferError, match="no longer contains the model first"):
        other.load()


def test_damaged_model_is_no_source(trained, tmp_path):
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    for path in trained.iterdir():
        if path.is_file():
            (damaged / path.name).write_bytes(path.read_bytes())
    (damaged / artifacts.KERAS_FILE).write_bytes(b"damaged")
    with pytest.raises(artifacts.ArtifactError, match=artifacts.KERAS_FILE):
        ModelSource.of(damaged)


@pytest.mark.parametrize(("compute_dtype", "tolerance"), [("float32", 1e-5), ("mixed_bfloat16", 0.05)])
def test_teacher_answers_with_the_trained_models_probabilities_at_a_temperature(
    source, colours, compute_dtype, tolerance
):
    images = colours.validation.images
    answer = teacher(
        source,
        class_names=colours.class_names,
        image_shape=colours.image_shape,
        temperature=3.0,
        compute_dtype=compute_dtype,
    )
    model, _card = source.load()
    expected = softmax(outputs_of(model)(images).logits / 3.0)
    assert np.allclose(answer(images.astype("float32")), expected, atol=tolerance)


def test_teacher_of_other_classes_or_another_size_is_refused(source, colours):
    fitting = {"class_names": colours.class_names, "image_shape": colours.image_shape}
    for change, message in (
        ({"class_names": ("cat", "dog", "bird")}, "has different classes: red, green, blue"),
        ({"image_shape": (32, 32, 3)}, "takes images of 16 x 16 pixels, not of 32 x 32"),
    ):
        with pytest.raises(TransferError, match=message):
            teacher(source, **{**fitting, **change}, temperature=1.0, compute_dtype="float32")


def test_run_begins_from_the_weights_it_is_given(source, colours, tmp_path):
    result = train(settings_from(colours, STILL, initial_weights=source), colours, tmp_path, Listener())
    trained_model, _card = source.load()
    kernels = [weights for weights in trained_model.trainable_weights if len(weights.shape) > 1]
    learnt = [weights for weights in result.model.trainable_weights if len(weights.shape) > 1]
    assert len(kernels) == 3
    for weights, expected in zip(learnt, kernels):
        assert np.allclose(weights, expected, atol=1e-6)


def test_distilled_run_comes_closer_to_its_teacher(source, colours, tmp_path):
    from_teacher = {**SMALL, "epochs": 4, "distillation": 1.0}
    result = train(settings_from(colours, from_teacher, teacher=source), colours, tmp_path, Listener())
    first, last = result.history[0], result.history[-1]
    assert last.loss < first.loss


def test_card_names_what_the_model_began_from_and_learnt_from(source, colours, tmp_path):
    settings = settings_from(colours, {**STILL, "distillation": 0.5}, initial_weights=source, teacher=source)
    where = {"run_folder": tmp_path / "run", "model_folder": tmp_path / "model"}
    card = produce(settings, colours, **where, listener=Listener())
    named = {"name": "first", "sha256": source.sha256}
    assert (card.training["initial_weights"], card.training["teacher"]) == (named, named)
    assert str(source.folder) not in json.dumps(card.as_dict())


def test_settings_with_models_survive_their_file(source, colours, tmp_path):
    settings = settings_from(colours, {**SMALL, "distillation": 0.5}, initial_weights=source, teacher=source)
    settings.save(tmp_path)
    assert RunSettings.load(tmp_path) == settings


def test_distillation_without_a_teacher_and_a_teacher_without_distillation_are_refused(source, colours):
    with pytest.raises(SettingsError, match="with --teacher"):
        settings_from(colours, {"distillation": 0.5})
    with pytest.raises(SettingsError, match="leave out --teacher"):
        settings_from(colours, {}, teacher=source)


def test_unfit_source_leaves_an_earlier_run_as_it_was(source, colours, tmp_path):
    train(settings_from(colours, SMALL), colours, tmp_path, Listener())
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    unfit = settings_from(colours, SMALL, initial_weights=replace(source, sha256="0" * 64))
    with pytest.raises(TransferError):
        train(unfit, colours, tmp_path, Listener())
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
