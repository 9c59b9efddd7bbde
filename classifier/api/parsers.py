"""Parsers of request bodies."""

from typing import IO, Any

from django.http import QueryDict
from django.utils.translation import gettext as _
from rest_framework import parsers
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, DataAndFiles, FileUploadParser


class _TranslatedErrors(BaseParser):
    """Translates the error of a damaged body, which DRF has in English only."""

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            return super().parse(stream, media_type, parser_context)
        except ParseError as error:
            text = _("The request body cannot be read: it is damaged or does not match its Content-Type.")
            raise ParseError(text) from error


class MultiPartParser(_TranslatedErrors, parsers.MultiPartParser):
    """A form with files."""


class JSONParser(_TranslatedErrors, parsers.JSONParser):
    """Refuses what is nested more deeply than can be read like any other JSON that is none."""

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            return super().parse(stream, media_type, parser_context)
        except RecursionError as error:
            raise ParseError(_("This JSON is nested too deeply.")) from error


class ImageParser(FileUploadParser):
    """Reads a body of any image's type as the field `image`.

    Its name is the one in the header Content-Disposition, if there is one.
    """

    media_type = "image/*"

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> DataAndFiles:
        parsed = super().parse(stream, media_type, parser_context)
        return DataAndFiles(QueryDict(mutable=True), {"image": parsed.files["file"]})

    def get_filename(self, stream: IO[Any], media_type: Any, parser_context: Any) -> str:
        return super().get_filename(stream, media_type, parser_context) or "image"
