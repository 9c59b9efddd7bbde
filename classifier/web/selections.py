"""Files of a multipart form: few, or a selection of many that becomes one archive while it arrives."""

import zipfile
from contextlib import suppress
from os.path import basename
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import TooManyFilesSent
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopFutureHandlers
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParser

from classifier.web.limits import archives_of

#: Fields of a form whose files are bundled.
BUNDLED = ("files", "folder")
#: The limit of other files in a request; each of them may be an open file.
MOST_FILES = 100
#: From this size on, ZIP needs its 64-bit fields.
_LARGE = 2**31 - 1


def receive_files(request: HttpRequest, view: Any) -> None:
    """Choose how the files of the request will be received; nothing is read yet."""
    handler = SelectionHandler(request) if archives_of(view) else _FewFiles(request)
    request.upload_handlers.insert(0, handler)


class _FewFiles(FileUploadHandler):
    """Refuses a request with more files than any page or program sends."""

    count = 0

    def new_file(self, *arguments: Any, **options: Any) -> None:
        self.count += 1
        if self.count > MOST_FILES:
            raise TooManyFilesSent(f"More than {MOST_FILES} files in one request.")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        return raw_data

    def file_complete(self, file_size: int) -> UploadedFile | None:
        return None


class _Parser(MultiPartParser):
    """Remembers a file's name with the folders that browsers send before it."""

    path = ""

    def sanitize_file_name(self, file_name: str) -> str | None:
        self.path = file_name
        return super().sanitize_file_name(file_name)


class SelectionHandler(_FewFiles):
    """Writes the files of the fields in BUNDLED into one uncompressed ZIP archive, under their paths.

    The form receives the archive as the value of each of these fields. Twenty thousand uploaded files would be as many
    open files.
    """

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        self._parser: _Parser | None = None
        self._file: TemporaryUploadedFile | None = None
        self._zip: zipfile.ZipFile | None = None
        self._entry: IO[bytes] | None = None
        self._names: set[str] = set()
        self._first, self._folders, self._selected = "", set[str](), 0

    def handle_raw_input(  # type: ignore[override]  # Django passes bytes
        self, input_data: Any, META: dict, content_length: int, boundary: bytes, encoding: str | None = None
    ) -> Any:
        if self._parser is not None:
            return None
        self._is_large = content_length > _LARGE
        handlers = self.request.upload_handlers if self.request else []
        self._parser = _Parser(META, input_data, handlers, encoding)
        try:
            return self._parser.parse()
        except BaseException:
            self.upload_interrupted()
            raise

    def new_file(self, field_name: str, file_name: str, *arguments: Any, **options: Any) -> None:
        if field_name not in BUNDLED:
            super().new_file(field_name, file_name, *arguments, **options)
            return
        self._selected += 1
        # One more than allowed, so that the archive is refused for it; the rest is read and forgotten.
        if self._selected <= settings.MAX_ARCHIVE_FILES + 1:
            path = self._parser.path if self._parser else file_name
            self._entry = self._archive().open(self._entry_of(path), "w", force_zip64=self._is_large)
        raise StopFutureHandlers

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        if self._entry is not None:
            self._entry.write(raw_data)
            return None
        return None if self._selected > settings.MAX_ARCHIVE_FILES + 1 else raw_data

    def file_complete(self, file_size: int) -> UploadedFile | None:
        if self._entry is not None:
            self._entry.close()
            self._entry = None
            return self._file
        return self._file if self._selected > settings.MAX_ARCHIVE_FILES + 1 else None

    def upload_complete(self) -> None:
        if self._zip is not None and self._file is not None:
            self._zip.close()
            self._file.size = self._file.seek(0, 2)
            self._file.seek(0)
            self._file.name = self._title()

    def upload_interrupted(self) -> None:
        for one in (self._entry, self._zip, self._file):
            if one is not None:
                with suppress(OSError, ValueError):
                    one.close()
        self._entry = self._zip = self._file = None

    def _archive(self) -> zipfile.ZipFile:
        if self._zip is None:
            self._file = TemporaryUploadedFile("files", "application/zip", 0, None)
            self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_STORED)
        return self._zip

    def _entry_of(self, path: str) -> zipfile.ZipInfo:
        """A new entry. Two files of one name are two files."""
        name, copies = path, 1
        while name in self._names:
            copies += 1
            name = f"{copies}/{path}"
        self._names.add(name)
        self._first = self._first or basename(path.replace("\\", "/"))
        self._folders.add(path.replace("\\", "/").partition("/")[0] if "/" in path else "")
        return zipfile.ZipInfo(name)

    def _title(self) -> str:
        """The folder, or the first file and how many more there are."""
        if len(self._folders) == 1 and (folder := next(iter(self._folders))):
            return folder
        return self._first if self._selected == 1 else f"{self._first} +{self._selected - 1}"
