"""Errors of uploaded files, with messages that say what to do."""

from ml.images.formats import NAMES


class ImageError(ValueError):
    """An uploaded file cannot be classified; `code` is the reason and `values` the figures in the message."""

    code = "image_error"
    message = "The file cannot be classified."

    def __init__(self, **values: int | str) -> None:
        self.values = values
        super().__init__(self.message.format(**values))


class EmptyFile(ImageError):
    code = "empty_file"
    message = "The file is empty. Choose another one."


class SvgFile(ImageError):
    code = "svg_file"
    message = "This is an SVG drawing, not a photo. Save it as PNG and upload the PNG."


class PdfFile(ImageError):
    code = "pdf_file"
    message = "This is a PDF. Save the page as a JPEG or PNG and use that."


class RawFile(ImageError):
    code = "raw_file"
    message = "This is a camera RAW file. Export it as a JPEG and use that."


class VideoFile(ImageError):
    code = "video_file"
    message = "This is a video. Save a frame as a JPEG or PNG and use that."


class PhotoshopFile(ImageError):
    code = "photoshop_file"
    message = "This is a Photoshop document. Export it as a JPEG or PNG and use that."


class JpegXlFile(ImageError):
    code = "jpeg_xl_file"
    message = "This is a JPEG XL image. Save it as a JPEG or PNG and use that."


class ArchiveFile(ImageError):
    code = "archive_file"
    message = "This is an archive. Unpack it and use the images in it."


class DocumentFile(ImageError):
    code = "document_file"
    message = "This is a document. Save the image in it as a JPEG or PNG and use that."


class WebPage(ImageError):
    code = "web_page"
    message = "This is a web page. Save the image on it and use that."


class TextFile(ImageError):
    code = "text_file"
    message = "This is a text file. Choose an image."


class NotAnImage(ImageError):
    code = "not_an_image"
    message = f"This file type is not supported. Use one of these: {NAMES}."


class DamagedImage(ImageError):
    code = "damaged_image"
    message = "The image is damaged or incomplete. Save or download it again and retry."


class TooManyPixels(ImageError):
    code = "too_many_pixels"
    message = "The image has more than {limit} megapixels. Make it smaller and retry."


class TooMuchMemory(ImageError):
    code = "too_much_memory"
    message = "Reading the image needs too much memory. Make it smaller, or save it as JPEG, and retry."


class TooManyParts(ImageError):
    code = "too_many_parts"
    message = "The image has too many parts. Save it again in an image editor and retry."


class TooDeep(ImageError):
    code = "too_deep"
    message = "The TIFF has 32 bits per channel. Save it with 8 or 16 bits per channel and retry."


class TooSmall(ImageError):
    code = "too_small"
    message = "The image has {width} x {height} pixels; each side needs at least {limit}. Upload a larger one."
