"""A classifier as a ZIP: its images in a folder for each class, the head of the version in use, and its answers."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from django.core.files.storage import default_storage
from zipstream import ZipStream

from classifier.models import Classifier, Example, Head, ModelVersion
from classifier.services.history.export import Folders, safe_name
from classifier.services.history.spreadsheets import BYTE_ORDER_MARK, plain_text

_FILE_BLOCK = 64 * 1024
#: The folder of images without a class, and the file that says the classes of folders.
UNLABELLED = "without-a-class"
FOLDERS_FILE = "classes.json"
#: What is in the archive besides images.
OWN_FILES = frozenset({"head.npz", "card.json", "answers.csv", FOLDERS_FILE, "model.keras", "model.tflite"})


def zip_of(classifier: Classifier) -> Iterator[bytes]:
    """Blocks of bytes. The archive, or its folder `images`, makes the classifier anew where it is dropped."""
    archive = ZipStream()
    version = ModelVersion.every.filter(classifier=classifier, active=True).first()
    if version is not None:
        head = Head.objects.get(version=version)
        card = version.card | {"version": version.number, "backbone": head.backbone}
        archive.add(bytes(head.content), "head.npz")
        archive.add(json.dumps(card, ensure_ascii=False, indent=2).encode(), "card.json")
        archive.add(_table(version).encode(), "answers.csv")
        yield from archive.all_files()
    folders = Folders()
    names = list(classifier.classes.values_list("name", flat=True))
    folder_names = {folders.of(name): name for name in names}
    archive.add(json.dumps(folder_names, ensure_ascii=False, indent=2).encode(), FOLDERS_FILE)
    yield from archive.all_files()
    for example in classifier.examples.select_related("upload", "learnt_class").iterator(chunk_size=500):
        try:
            file = default_storage.open(example.upload.file.name or "", "rb")
        except OSError:
            continue
        with file:
            archive.add(file.chunks(_FILE_BLOCK), _path(example, folders))
            yield from archive.all_files()
    yield from archive.finalize()


def _path(example: Example, folders: Folders) -> str:
    folder = f"images/{folders.of(example.learnt_class.name)}" if example.learnt_class else UNLABELLED
    return f"{folder}/{safe_name(example.upload, f'-{example.pk.hex[:12]}')}"


def _table(version: ModelVersion) -> str:
    """The version's answers for images that it has not learnt from, as CSV."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["file", "class", "predicted", "confidence", "class_probability", "abstained"])
    answers: Any = version.held_out_answers.select_related("example__upload").order_by("pk")
    for answer in answers.iterator(chunk_size=500):
        name = safe_name(answer.example.upload, f"-{answer.example_id.hex[:12]}")
        row = [name, answer.class_name, answer.predicted]
        figures = [f"{answer.confidence:.4f}", f"{answer.class_probability:.4f}", answer.abstained]
        writer.writerow([*map(plain_text, row), *figures])
    return BYTE_ORDER_MARK + file.getvalue()
