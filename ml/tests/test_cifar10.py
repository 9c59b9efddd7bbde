import ast
import hashlib
import socket
from pathlib import Path

import numpy as np
import pytest

import ml
from ml.classes import CLASS_NAMES
from ml.data import cifar10
from ml.data.cifar10 import FOLDER_NAME
from ml.data.dataset import DatasetError
from ml.tests.factories import http_answer, linked_copy, tar_gz, web_server

ARCHIVE = tar_gz({f"{FOLDER_NAME}/test_batch.bin": b"images" * 200_000})
EVIL = tar_gz({f"{FOLDER_NAME}/test_batch.bin": b"images", "../../evil": b"evil"})
FOREIGN = tar_gz({"other/a": b"images"})


def md5_of(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


MD5 = md5_of(ARCHIVE)


def test_reads_the_folder_itself_or_the_one_above_by_argument_or_environment(cifar10_folder, monkeypatch):
    monkeypatch.delenv("CIFAR10_DIR", raising=False)
    assert cifar10.find(cifar10_folder) == cifar10_folder
    assert cifar10.find(str(cifar10_folder.parent)) == cifar10_folder
    monkeypatch.setenv("CIFAR10_DIR", str(cifar10_folder.parent))
    assert cifar10.find() == cifar10_folder


def test_an_argument_wins_over_the_environment(cifar10_folder, monkeypatch, tmp_path):
    monkeypatch.setenv("CIFAR10_DIR", str(tmp_path))
    assert cifar10.find(cifar10_folder) == cifar10_folder


def test_without_argument_and_environment_the_cached_download_is_read(cifar10_folder, monkeypatch, tmp_path, dataset):
    monkeypatch.delenv("CIFAR10_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    linked_copy(cifar10_folder, tmp_path / "cifarsite" / FOLDER_NAME)
    assert cifar10.load().limited(10).fingerprint == dataset.fingerprint


def test_splits_are_whole_balanced_and_typed(cifar10_folder):
    data = cifar10.load(cifar10_folder)
    assert [len(split.labels) for split in (data.train, data.validation, data.test)] == [45_000, 5_000, 10_000]
    assert np.bincount(data.train.labels).tolist() == [4_500] * 10
    assert np.bincount(data.validation.labels).tolist() == [500] * 10
    assert data.test.images.shape == (10_000, 32, 32, 3)
    assert (data.test.images.dtype, data.test.labels.dtype) == (np.uint8, np.int64)


def test_planes_are_red_green_blue_and_rows_run_from_the_top(cifar10_folder, tmp_path):
    content = bytearray((cifar10_folder / "test_batch.bin").read_bytes())
    content[:3073] = bytes([7]) + bytes(range(32)) + bytes(992) + bytes([100]) * 1024 + bytes([200]) * 1024
    data = cifar10.load(linked_copy(cifar10_folder, tmp_path / "copy", test_batch=bytes(content)))
    image = data.test.images[0]
    assert data.test.labels[0] == 7
    assert image[0, :, 0].tolist() == list(range(32))
    assert not image[1:, :, 0].any()
    assert (image[:, :, 1:] == (100, 200)).all()


def test_fingerprint_follows_the_bytes(cifar10_folder, tmp_path, dataset):
    content = bytearray((cifar10_folder / "test_batch.bin").read_bytes())
    content[-1] ^= 1
    changed = cifar10.load(linked_copy(cifar10_folder, tmp_path / "copy", test_batch=bytes(content)))
    assert dataset.fingerprint.startswith("sha256:")
    assert changed.fingerprint != dataset.fingerprint


def test_missing_folder_is_named_with_the_remedy(tmp_path):
    with pytest.raises(DatasetError, match="--data-dir") as caught:
        cifar10.load(tmp_path / "nowhere")
    assert str(tmp_path / "nowhere") in str(caught.value)


def label_too_large(content: bytes) -> bytes:
    return bytes([len(CLASS_NAMES)]) + content[1:]


@pytest.mark.parametrize("name", ["data_batch_3.bin", "test_batch.bin"])
@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda content: None, "is missing"),
        (lambda content: content[:-1], "30,729,999 bytes, not 30,730,000"),
        (lambda content: content + b"\0", "30,730,001 bytes"),
        (label_too_large, "the label 10"),
    ],
    ids=["missing", "short", "long", "label"],
)
def test_damaged_file_is_named_with_the_remedy(cifar10_folder, tmp_path, name, damage, complaint):
    damaged = {Path(name).stem: damage((cifar10_folder / name).read_bytes())}
    folder = linked_copy(cifar10_folder, tmp_path / "copy", **damaged)
    with pytest.raises(DatasetError, match=complaint) as caught:
        cifar10.load(folder)
    assert str(folder / name) in str(caught.value)
    assert "--data-dir" in str(caught.value)


def test_download_unpacks_tells_of_its_progress_and_happens_once(tmp_path):
    heard = []
    with web_server(http_answer(ARCHIVE)) as (address, requested):
        for _ in range(2):
            folder = cifar10.download(
                tmp_path / "new" / "cache", url=address, md5=MD5, progress=lambda *done: heard.append(done)
            )
    assert (folder / "test_batch.bin").read_bytes() == b"images" * 200_000
    assert [path.name for path in folder.parent.iterdir()] == [FOLDER_NAME]
    assert heard[-1] == (len(ARCHIVE), len(ARCHIVE))
    assert len(requested) == 1


@pytest.mark.parametrize(
    ("answer", "md5", "complaint"),
    [
        (http_answer(ARCHIVE), "0" * 32, "MD5"),
        (http_answer(ARCHIVE[:-9], length=len(ARCHIVE)), MD5, "cut short"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n" + ARCHIVE[:9], MD5, "Check the network"),
        (b"good day\r\n\r\n", MD5, "Check the network"),
        (b"HTTP/1.0 404 Not Found\r\n\r\n", MD5, "404"),
        (http_answer(EVIL), md5_of(EVIL), "unpack"),
        (http_answer(b"text"), md5_of(b"text"), "unpack"),
        (http_answer(FOREIGN), md5_of(FOREIGN), "no folder"),
    ],
    ids=["changed", "truncated", "truncated chunk", "not HTTP", "not found", "outside", "not tar", "other"],
)
def test_bad_download_is_refused_and_leaves_nothing(tmp_path, answer, md5, complaint):
    with web_server(answer) as (address, _), pytest.raises(DatasetError, match=complaint) as caught:
        cifar10.download(tmp_path / "cache", url=address, md5=md5)
    assert address in str(caught.value)
    assert [path.name for path in tmp_path.rglob("*")] == ["cache"]


def test_unreachable_server_is_named_with_the_remedy(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}/archive"
        with pytest.raises(DatasetError, match="Check the network") as caught:
            cifar10.download(tmp_path, url=address)
    assert address in str(caught.value)
    assert "--data-dir" in str(caught.value)


def test_nothing_reads_pickles():
    for path in Path(ml.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not imported & {"pickle", "cloudpickle", "joblib", "dill"}, path
