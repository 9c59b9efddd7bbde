"""Export predictions as CSV, or as a ZIP with the images in folders by class; streamed."""

import csv
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import PurePosixPath

from django.core.files.storage import default_storage
from django.db.models import QuerySet
from zipstream import ZipStream

from classifier.models import Prediction, Upload
from classifier.models.upload import composed
from classifier.services.history.pagination import Order, walk
from classifier.services.history.spreadsheets import BYTE_ORDER_MARK, plain_text

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
#: Limits for a name in characters and bytes; file systems allow 255 bytes in total.
_LONGEST_NAME, _STEM_BYTES, _FOLDER_BYTES = 80, 200, 240
#: Characters that Windows does not allow in a name, and names of its devices.
_RESERVED = '<>:"/\\|?*'
_DEVICE = re.compile(r"CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(COM|LPT)[0-9¹²³]", re.IGNORECASE)


def username_of(prediction: Prediction) -> str:
    """The owner's name; empty for an anonymous visitor."""
    return prediction.owner.get_username() if prediction.owner else ""


def csv_lines(
    predictions: Iterable[Prediction], *, owner_name: Callable[[Prediction], str] | None = None
) -> Iterator[str]:
    """A header and a line per prediction; an apostrophe precedes text that a spreadsheet would run as a formula.

    owner_name: the last column is what it returns.
    """
    # Text is quoted, so that a semicolon in a name does not split a cell.
    writer = csv.writer(_Echo(), quoting=csv.QUOTE_NONNUMERIC)
    yield BYTE_ORDER_MARK + writer.writerow([*_COLUMNS, *(["owner"] if owner_name else [])])
    for prediction in predictions:
        owner = [plain_text(owner_name(prediction))] if owner_name else []
        yield writer.writerow([*_row(prediction), *owner])


def zip_blocks(
    predictions: QuerySet[Prediction],
    order: Order,
    *,
    table: Iterable[str] | None = None,
    place: Callable[[Prediction], str] | None = None,
) -> Iterator[bytes]:
    """A ZIP of predictions.csv and of the images as they came, in a folder for each class; blocks of bytes.

    The folder is what a correction says, else what was answered. An image whose file is gone has its line alone.
    table: the lines of another table. place: another path for each image, unique and safe to unpack.
    """
    archive = ZipStream()
    place = place or partial(_place, folders=Folders())
    lines = csv_lines(walk(predictions, order=order)) if table is None else table
    archive.add((line.encode() for line in lines), "predictions.csv" if table is None else "results.csv")
    yield from archive.all_files()
    for prediction in walk(predictions, order=order):
        try:
            file = default_storage.open(prediction.upload.file.name or "", "rb")
        except FileNotFoundError:
            continue
        with file:
            archive.add(file.chunks(_FILE_BLOCK), place(prediction))
            yield from archive.all_files()
    yield from archive.finalize()


def safe_name(upload: Upload, mark: str = "") -> str:
    """A safe file name for an upload: its own without special characters.

    mark: stands before the ending, which is that of the format found in the file, whatever it came as.
    """
    stem = PurePosixPath(composed(upload.original_name)).stem[:_LONGEST_NAME]
    safe = "".join(kept if _is_letter(kept) or kept in "-_ " else "_" for kept in stem)
    return f"{_safe_part(safe, _STEM_BYTES) or 'image'}{mark}{PurePosixPath(upload.file.name or '').suffix}"


def safe_folder(class_name: str) -> str:
    """A folder name for a class that is valid on every system: Windows has reserved names and endings."""
    kept = ("_" if letter in _RESERVED or not letter.isprintable() else letter for letter in composed(class_name))
    return _safe_part("".join(kept)[:_LONGEST_NAME], _FOLDER_BYTES) or "_"


class OwnPlaces:
    """Paths as the files had them when they were uploaded, safe to unpack; a second one of a path gets a mark."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def __call__(self, prediction: Prediction) -> str:
        *folders, _name = PurePosixPath(composed(prediction.upload.original_name)).parts or ("",)
        within = "/".join(safe_folder(folder) for folder in folders if folder not in ("/", ".", ".."))
        for mark in ("", f"-{prediction.pk.hex[:12]}"):
            path = f"{within}/{safe_name(prediction.upload, mark)}".lstrip("/")
            if path.casefold() not in self._taken:
                break
        self._taken.add(path.casefold())
        return path


def _safe_part(name: str, most_bytes: int) -> str:
    name = name.encode()[:most_bytes].decode(errors="ignore").strip().rstrip(". ")
    return f"_{name}" if _DEVICE.fullmatch(name.partition(".")[0].strip()) else name


def _is_letter(character: str) -> bool:
    # Vowels of many scripts are combining marks without a composed form.
    return character.isalnum() or unicodedata.category(character)[0] == "M"


class Folders:
    """A folder of its own for each class, also where names differ only in what Windows does not tell apart."""

    def __init__(self) -> None:
        self._of_class: dict[str, str] = {}
        self._taken: set[str] = set()

    def of(self, class_name: str) -> str:
        """The same folder for the same class."""
        if class_name not in self._of_class:
            wanted = folder = safe_folder(class_name)
            number = 1
            while folder.casefold() in self._taken:
                number += 1
                folder = f"{wanted}-{number}"
            self._taken.add(folder.casefold())
            self._of_class[class_name] = folder
        return self._of_class[class_name]


def folders_of_people(name: Callable[[Prediction], str]) -> Callable[[Prediction], str]:
    """Paths for `zip_blocks` with a folder for each person, and in it one for each class."""
    people, classes = Folders(), Folders()
    return lambda prediction: f"{people.of(name(prediction))}/{_place(prediction, classes)}"


def _place(prediction: Prediction, folders: Folders) -> str:
    """A unique path for the prediction, safe to unpack, with its file's name."""
    name = safe_name(prediction.upload, f"-{prediction.pk.hex[:12]}")
    return f"{folders.of(prediction.corrected_class or prediction.answer)}/{name}"


def _row(prediction: Prediction) -> list[object]:
    upload, version = prediction.upload, prediction.model_version
    shares = dict(zip(version.class_names, prediction.probabilities))
    return [
        prediction.pk,
        prediction.created_at.isoformat(),
        plain_text(upload.original_name),
        plain_text(prediction.predicted_class),
        f"{prediction.confidence:.6f}",
        str(prediction.abstained).lower(),
        plain_text(prediction.corrected_class),
        "" if prediction.was_right is None else str(prediction.was_right).lower(),
        plain_text(version.full_name),
        plain_text(prediction.network),
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
