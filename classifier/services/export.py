"""Predictions to take home: as a table, or with the images in folders by class; streamed, however many they are."""

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from django.core.files.storage import default_storage
from django.db.models import QuerySet
from zipstream import ZipStream

from classifier.models import Prediction, Upload
from classifier.services.pagination import Order, walk
from classifier.services.spreadsheets import plain_text

_COLUMNS = (
    "id",
    "classified_at",
    "file_name",
    "class",
    "confidence",
    "abstained",
    "corrected_class",
    "was_right",
    "model",
    "network",
    "probabilities",
    "sha256",
    "format",
    "width",
    "height",
    "bytes",
)
_FILE_BLOCK = 64 * 1024


def csv_lines(predictions: Iterable[Prediction], *, owners: bool = False) -> Iterator[str]:
    """A header and a line a prediction; an apostrophe leads a file name that a spreadsheet would run as a formula.

    owners: the last column is the owner's name, empty for an anonymous visitor.
    """
    writer = csv.writer(_Echo())
    # Spreadsheets take a file for UTF-8 only by this mark.
    yield "\ufeff" + writer.writerow([*_COLUMNS, *(["owner"] if owners else [])])
    for prediction in predictions:
        owner = [plain_text(prediction.owner.get_username() if prediction.owner else "")] if owners else []
        yield writer.writerow([*_row(prediction), *owner])


def zip_blocks(predictions: QuerySet[Prediction], order: Order) -> Iterator[bytes]:
    """A ZIP of predictions.csv and of the images as they came, in a folder for each class; blocks of bytes.

    The folder is what a correction says, else what was answered. An image whose file is gone has its line alone.
    """
    archive = ZipStream()
    archive.add((line.encode() for line in csv_lines(walk(predictions, order=order))), "predictions.csv")
    yield from archive.all_files()
    for prediction in walk(predictions, order=order):
        try:
            file = default_storage.open(prediction.upload.file.name, "rb")
        except OSError:
            continue
        with file:
            archive.add(file.chunks(_FILE_BLOCK), _place(prediction))
            yield from archive.all_files()
    yield from archive.finalize()


def safe_name(upload: Upload, mark: str = "") -> str:
    """A name to save an upload under: its own without what a disk or a shell takes for more than letters.

    mark: stands before the ending, which is that of the format found in the file, whatever it came as.
    """
    stem = PurePosixPath(upload.original_name).stem[:80]
    safe = "".join(kept if kept.isalnum() or kept in "-_ " else "_" for kept in stem).strip() or "image"
    return f"{safe}{mark}{PurePosixPath(upload.file.name).suffix}"


def _place(prediction: Prediction) -> str:
    """A path that is the prediction's own, safe to unpack, and tells its file's name."""
    name = safe_name(prediction.upload, f"-{prediction.pk.hex[:12]}")
    return f"{prediction.corrected_class or prediction.answer}/{name}"


def _row(prediction: Prediction) -> list[object]:
    upload, version = prediction.upload, prediction.model_version
    shares = dict(zip(version.class_names, prediction.probabilities))
    return [
        prediction.pk,
        prediction.created_at.isoformat(),
        plain_text(upload.original_name),
        prediction.predicted_class,
        f"{prediction.confidence:.6f}",
        str(prediction.abstained).lower(),
        prediction.corrected_class,
        "" if prediction.was_right is None else str(prediction.was_right).lower(),
        f"{version.name}@{version.number}",
        prediction.network,
        json.dumps({name: round(share, 6) for name, share in shares.items()}),
        upload.sha256,
        upload.format,
        upload.width,
        upload.height,
        upload.size,
    ]


class _Echo:
    """A file that returns what is written to it."""

    def write(self, line: str) -> str:
        return line
