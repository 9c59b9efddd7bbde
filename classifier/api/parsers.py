"""An image as the whole body of a request."""

from django.http import QueryDict
from rest_framework.parsers import DataAndFiles, FileUploadParser


class ImageParser(FileUploadParser):
    """Reads a body of any image's type as the field `image`.

    Its name is the one in the header Content-Disposition, if there is one.
    """

    media_type = "image/*"

    def parse(self, stream, media_type=None, parser_context=None) -> DataAndFiles:
        parsed = super().parse(stream, media_type, parser_context)
        return DataAndFiles(QueryDict(mutable=True), {"image": parsed.files["file"]})

    def get_filename(self, stream, media_type, parser_context) -> str:
        return super().get_filename(stream, media_type, parser_context) or "image"
