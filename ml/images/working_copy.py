"""Working copies: a decoded image in its own file, so that a slow original is decoded once.

It is the working picture itself, stored without loss: a network predicts from it what it predicts from the original.
"""

import dataclasses
import io
import json
from dataclasses import dataclass

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ml.images.preprocessing import PREPROCESSING_VERSION, DecodedImage

#: Higher levels take twice the time for a twentieth of the size.
_COMPRESSION = 4
_DESCRIPTION = "description"


class NotAWorkingCopy(Exception):
    """The bytes are not what `to_working_copy` returns."""


@dataclass(frozen=True)
class WorkingCopy:
    """preprocessing_version: the version that decoded the original."""

    decoded: DecodedImage
    preprocessing_version: str

    @property
    def is_current(self) -> bool:
        """Whether decoding the original again would give the same picture."""
        return self.preprocessing_version == PREPROCESSING_VERSION


def to_working_copy(decoded: DecodedImage) -> bytes:
    """Return a PNG of the picture that also says what its original is; at most about 1.3 MB."""
    known = {field.name: getattr(decoded, field.name) for field in dataclasses.fields(decoded)}
    picture = known.pop("picture")
    info = PngInfo()
    info.add_text(_DESCRIPTION, json.dumps(known | {"preprocessing_version": PREPROCESSING_VERSION}))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", pnginfo=info, compress_level=_COMPRESSION)
    return buffer.getvalue()


def from_working_copy(content: bytes) -> WorkingCopy:
    """Return what `to_working_copy` was given. Raises NotAWorkingCopy."""
    try:
        picture = Image.open(io.BytesIO(content), formats=["PNG"])
        picture.load()
        if picture.mode != "RGB":
            raise NotAWorkingCopy(f"It is {picture.mode}.")
        known = json.loads(picture.info[_DESCRIPTION])
        version = known.pop("preprocessing_version")
        pixels = Image.frombytes("RGB", picture.size, picture.tobytes())
        decoded = DecodedImage(picture=pixels, **known | {"steps": tuple(known["steps"])})
    except Exception as error:
        # Pillow raises all kinds of errors for a damaged PNG.
        raise NotAWorkingCopy(str(error)) from error
    return WorkingCopy(decoded, version)
