from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml.data.dataset import Dataset, Split
from ml.tests.factories import Listener, photograph
from ml.training import heads
from ml.training import loop as training
from ml.training.recipes import find_recipe
from ml.training.run_settings import RunSettings, SettingsError

CLASSES = ("noise", "photographs", "stripes")


def textures(count: int, seed: int) -> Split:
    """What a network that has learnt on ImageNet tells apart, and one that has not does not: 96 x 96 pixels."""
    rng = np.random.default_rng(seed)
    images, labels = np.empty((count, 96, 96, 3), np.uint8), np.arange(count) % 3
    for number, label in enumerate(labels):
        if label == 0:
            images[number] = rng.integers(0, 256, (96, 96, 3))
        elif label == 1:
            images[number] = np.asarray(photograph(96, 96, seed=seed + number))
        else:
            wave = np.sin(np.arange(96) / rng.uniform(1, 3) + rng.uniform(0, 6))[:, None, None]
            images[number] = np.clip(128 + 100 * wave * rng.uniform(0.5, 1, (1, 1, 3)), 0, 255)
    return Split(images, labels)


@pytest.fixture(scope="module")
def few() -> Dataset:
    return Dataset("Textures", CLASSES, textures(45, 0), textures(9, 1000), textures(9, 2000), "sha256:textures")


def settings_for(dataset: Dataset, recipe: str, **changes) -> RunSettings:
    return RunSettings.for_dataset(
        dataset, name="few", architecture="efficientnet_lite0", recipe=find_recipe(recipe).changed(**changes), seed=1
    )


@pytest.fixture(scope="module")
def fitted(few, tmp_path_factory) -> tuple[training.TrainingResult, Listener, Path]:
    folder, listener = tmp_path_factory.mktemp("few"), Listener()
    return training.train(settings_for(few, "linear_head"), few, folder, listener), listener, folder


def accuracy(model, split: Split) -> float:
    return float((model.predict_on_batch(split.images.astype("float32")).argmax(axis=1) == split.labels).mean())


def test_head_learns_from_a_few_images(fitted, few):
    result, _, _ = fitted
    assert result.finished
    assert accuracy(result.model, few.test) > 0.9
    (record,) = result.history
    assert (record.epoch, record.validation_accuracy) == (1, accuracy(result.model, few.validation))


def test_head_leaves_all_other_weights_as_they_were_learnt(fitted, few):
    from ml.networks.registry import find_architecture

    architecture = find_architecture("efficientnet_lite0")
    imagenet = architecture.build(few.image_shape, 3)
    architecture.load_pretrained(imagenet, None)
    for layer, expected in zip(fitted[0].model.layers[:-1], imagenet.layers[:-1], strict=True):
        assert all(map(np.array_equal, layer.get_weights(), expected.get_weights())), layer.name


def test_head_is_a_run_of_one_epoch_that_is_resumed_without_fitting_again(fitted, few):
    result, listener, folder = fitted
    assert [record.epoch for record in listener.epochs] == [1]
    assert listener.batches[-1][1] == listener.batches[-1][2]
    again = training.train(RunSettings.load(folder), few, folder, silent := Listener(), resume=True)
    assert (again.history, silent.batches) == (result.history, [])


def test_fine_tuning_starts_from_the_head(few, tmp_path):
    """At a learning rate of nothing, what comes out is what was begun with."""
    settings = settings_for(few, "fine_tune", epochs=1, batch_size=45, learning_rate=1e-9)
    settings = replace(settings, recipe=replace(settings.recipe, weight_decay=0.0))
    result = training.train(settings, few, tmp_path, Listener())
    assert result.history[0].validation_accuracy > 0.9


def test_fit_is_the_minimum_of_the_penalised_loss():
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    features = (rng.normal(size=(60, 5)) + 2 * np.eye(3, 5)[labels] + 7).astype(np.float32)
    penalty = 1e-3
    head = heads.fit(features, labels, 3, penalty)
    scale = np.sqrt(((features - features.mean(axis=0)) ** 2).sum(axis=1).mean())

    def objective(kernel: np.ndarray, bias: np.ndarray) -> float:
        logits = features.astype(float) @ kernel + bias
        logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return -logits[np.arange(60), labels].mean() + penalty * ((kernel * scale) ** 2).sum()

    least = objective(head.kernel, head.bias)
    for _ in range(50):
        moved = head.kernel + rng.normal(0, 1e-2, head.kernel.shape), head.bias + rng.normal(0, 1e-2, 3)
        assert objective(*moved) > least - 1e-7


def test_head_of_a_network_that_has_learnt_nothing_is_refused(few):
    with pytest.raises(SettingsError, match="needs a network that has learnt before"):
        RunSettings.for_dataset(few, name="few", architecture="student_cnn", recipe=find_recipe("linear_head"), seed=1)
