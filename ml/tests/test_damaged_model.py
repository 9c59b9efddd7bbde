"""A damaged model is refused with the name of the file; one that is in use keeps its answers."""

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ml.artifacts.folder import CARD_FILE, LITERT_FILE, MADE_LATER, STATISTICS_FILE, ArtifactError, load_card, sha256
from ml.serving.inference import LoadedModel
from ml.tests.factories import scene, some_images

SHIPPED = Path(__file__).resolve().parents[1] / "trained"
FILES = [f"student_cnn/{LITERT_FILE}", f"student_cnn/{STATISTICS_FILE}"] + [
    f"cifar10_duo/{network}/{name}" for network in ("thumbnails", "photographs") for name in (CARD_FILE, LITERT_FILE)
]


def model_copy(folder: Path, name: str) -> Path:
    return shutil.copytree(SHIPPED / name, folder / name, ignore=shutil.ignore_patterns(*MADE_LATER, "*.keras"))


def cut_short(content: bytes) -> bytes:
    return content[:-1]


def one_bit_flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def emptied(content: bytes) -> bytes:
    return b""


@pytest.mark.parametrize("damage", [cut_short, one_bit_flipped, emptied])
@pytest.mark.parametrize("name", FILES)
def test_damaged_file_is_refused_by_name(tmp_path, name, damage):
    model, _, file = name.partition("/")
    folder = model_copy(tmp_path, model)
    (folder / file).write_bytes(damage((folder / file).read_bytes()))
    with pytest.raises(ArtifactError, match=r"is not the file its card describes\. Restore it or train") as caught:
        LoadedModel(folder)
    assert str(folder / file) in str(caught.value)


@pytest.mark.parametrize("name", FILES)
def test_missing_file_is_refused_by_name(tmp_path, name):
    model, _, file = name.partition("/")
    folder = model_copy(tmp_path, model)
    (folder / file).unlink()
    with pytest.raises(ArtifactError, match=r"is missing\. Restore the folder or train") as caught:
        LoadedModel(folder)
    assert str(folder / file) in str(caught.value)


def test_graph_that_its_card_describes_but_nothing_runs_is_refused_by_name(tmp_path):
    folder = model_copy(tmp_path, "student_cnn")
    (folder / LITERT_FILE).write_bytes(b"no graph")
    card = load_card(folder).as_dict()
    card["files"][LITERT_FILE] = sha256(folder / LITERT_FILE)
    (folder / CARD_FILE).write_text(json.dumps(card))
    with pytest.raises(ArtifactError, match=r"student_cnn/model\.tflite is not a graph that LiteRT runs"):
        LoadedModel(folder).warm_up()


@pytest.mark.parametrize(
    ("entry", "value"), [("calibration", 3), ("abstention", None), ("framing", {"zoom": 1}), ("routing", {})]
)
def test_card_with_entries_of_another_kind_is_refused(tmp_path, entry, value):
    folder = model_copy(tmp_path, "student_cnn")
    card = json.loads((folder / CARD_FILE).read_text())
    (folder / CARD_FILE).write_text(json.dumps({**card, entry: value}))
    with pytest.raises(ArtifactError, match=r"card\.json lacks or has too many entries"):
        LoadedModel(folder)


def truncate(path: Path) -> None:
    os.truncate(path, 0)


def flip(path: Path) -> None:
    with path.open("r+b") as file:
        content = one_bit_flipped(file.read())
        file.seek(0)
        file.write(content)


def put_another_in_its_place(path: Path) -> None:
    new = path.with_suffix(".new")
    new.write_bytes(b"another")
    new.replace(path)


@pytest.mark.parametrize("harm", [truncate, flip, put_another_in_its_place, Path.unlink])
@pytest.mark.parametrize("name", ["student_cnn", "cifar10_duo"])
def test_damage_to_a_model_in_use_changes_no_answer(tmp_path, name, harm):
    """Neither of the interpreter that has answered, nor of one that is made later, nor for batches of another size."""
    folder = model_copy(tmp_path, name)
    model = LoadedModel(folder, interpreters=4)
    seen = [*model.prepare_all(some_images(5)), model.prepare(scene(256))]
    expected = LoadedModel(SHIPPED / name).predict(seen).probabilities
    model.warm_up()
    for path in folder.rglob("*"):
        if path.name in (LITERT_FILE, STATISTICS_FILE, CARD_FILE):
            harm(path)
    with ThreadPoolExecutor(4) as pool:
        for predictions in pool.map(model.predict, [seen] * 8):
            assert np.allclose(predictions.probabilities, expected, atol=1e-5)
    assert np.allclose(model.predict(seen[:2]).probabilities, expected[:2], atol=1e-5)
