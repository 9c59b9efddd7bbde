"""The CSV of `manage.py classify --csv`: a row for each file, from which a stopped run resumes."""

import csv
import fcntl
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Self

from classifier.models import ModelVersion
from classifier.services.history.spreadsheets import BYTE_ORDER_MARK, FORMULA, plain_text
from classifier.services.predictions.bulk import FileOutcome

COLUMNS = ("file", "class", "confidence", "abstained", "model", "network", "error", "owner", "upload")
_DECIMALS = 6
_MARK = BYTE_ORDER_MARK.encode()


class TableError(Exception):
    """The table cannot be written or resumed; the message says why and what to do."""


class ResultTable:
    """A context in which outcomes are added to the file; an existing file is resumed.

    The table is for programs and for spreadsheets: UTF-8 with its mark, commas, texts in quotes, true or false, and no
    cell that a spreadsheet would compute. A file's name that would be one begins with `./`, which names the same file;
    another text begins with an apostrophe.

    files: those that have a row, and whether it tells of an error.
    """

    def __init__(self, path: Path, version: ModelVersion, owner: str = "") -> None:
        self.path = path
        self.files: dict[str, bool] = {}
        self._run = {"model": plain_text(str(version)), "owner": plain_text(owner)}
        self._classes = version.class_names
        self._header = [*COLUMNS, *(f"probability_{name}" for name in self._classes)]

    def __enter__(self) -> Self:
        """Raise TableError when the file cannot be opened, is in use, or holds something else."""
        try:
            self._file = self.path.open("r+b" if self.path.exists() else "x+b")
        except OSError as error:
            raise TableError(f"{self.path} cannot be written ({error.strerror}).") from error
        try:
            self._lock()
            self._resume()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def holds(self, path: Path) -> bool:
        """Whether the file has its row already."""
        return _file_name(path) in self.files

    def failed(self, path: Path) -> bool:
        """Whether the file's row tells of an error."""
        return self.files[_file_name(path)]

    def add(self, outcomes: Iterable[FileOutcome]) -> None:
        """Append a row for each outcome and sync the file to the disk. Raises OSError."""
        self._write([self._row(outcome) for outcome in outcomes])

    def _row(self, outcome: FileOutcome) -> list[object]:
        own = {"file": _file_name(outcome.path), "error": plain_text(outcome.error)}
        cells: dict[str, object] = {**dict.fromkeys(COLUMNS, ""), **self._run, **own}
        prediction = outcome.prediction
        if prediction is None:
            return [*cells.values(), *[""] * len(self._classes)]
        cells["class"] = plain_text(prediction.predicted_class)
        cells["confidence"] = round(prediction.confidence, _DECIMALS)
        cells["abstained"] = "true" if prediction.abstained else "false"
        cells["network"] = plain_text(prediction.network)
        cells["upload"] = str(prediction.upload_id or "")
        return [*cells.values(), *(round(probability, _DECIMALS) for probability in prediction.probabilities)]

    def _write(self, rows: Iterable[Sequence[object]]) -> None:
        text = io.StringIO(newline="")
        # Quoted texts: some spreadsheets separate cells by semicolons, which a file name may contain.
        csv.writer(text, quoting=csv.QUOTE_NONNUMERIC).writerows(rows)
        self._file.write(text.getvalue().encode())
        self._file.flush()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise TableError(f"{self.path} is being written by another run. Wait for its end.") from error

    def _resume(self) -> None:
        """Read the rows, remove a row truncated by a kill, and write the header if it is missing."""
        end = 0
        try:
            for number, (row, row_end) in enumerate(_whole_rows(self._file)):
                self._check(row, is_header=number == 0)
                end = row_end
                if number:
                    self.files[row[COLUMNS.index("file")]] = bool(row[COLUMNS.index("error")])
            if not end:
                self._check_beginning()
            self._file.seek(end)
            self._file.truncate()
            if not end:
                self._file.write(_MARK)
                self._write([self._header])
        except (OSError, csv.Error) as error:
            raise TableError(f"{self.path} cannot be read ({error}). Name another file.") from error

    def _check(self, row: list[str], *, is_header: bool) -> None:
        if is_header or len(row) != len(self._header):
            if row != self._header:
                raise TableError(
                    f"{self.path} has not the columns of a table for {self._run['model']}: it is of a model of other "
                    "classes, or none of this command's. Name another file, or take this one away."
                )
            return
        found = dict(zip(COLUMNS, row))
        if any(found[column] != value for column, value in self._run.items()):
            raise TableError(
                f"{self.path} holds answers of {_in_words(found)}, and this run would add those of "
                f"{_in_words(self._run)}. Name another file, or take this one away."
            )

    def _check_beginning(self) -> None:
        """A file without one whole row is emptied only if it is the beginning of a header."""
        self._file.seek(0)
        header = io.StringIO(newline="")
        csv.writer(header, quoting=csv.QUOTE_NONNUMERIC).writerow(self._header)
        found, wanted = self._file.read(), header.getvalue().encode()
        if not any(start.startswith(found) for start in (_MARK + wanted, wanted)):
            self._check([], is_header=True)


def _whole_rows(file: BinaryIO) -> Iterator[tuple[list[str], int]]:
    """Yield each whole row and where it ends; a line may end within quotes, a row may not."""
    content, end = b"", 0
    for line in file:
        content += line
        if line.endswith(b"\n") and content.count(b'"') % 2 == 0:
            end += len(content)
            text = content.removeprefix(_MARK).decode("utf-8", "surrogateescape")
            yield next(csv.reader([text], strict=True)), end
            content = b""


def _file_name(path: Path) -> str:
    # Invalid bytes of a name are written as they are: the table is UTF-8.
    name = os.fsencode(path).decode("utf-8", "backslashreplace")
    return f"./{name}" if name.startswith(FORMULA) else name


def _in_words(run: dict[str, str]) -> str:
    return run["model"] + (f", stored for {run['owner']}" if run["owner"] else "")
