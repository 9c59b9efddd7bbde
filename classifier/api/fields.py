"""Fields that read what the site's own forms read, in the same words."""

from django.core.files import File
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from classifier.models import ModelVersion
from classifier.services.intake import SubmittedImage, explain, read_image
from classifier.services.publishing import find_version
from ml.image_errors import ImageError


@extend_schema_field(OpenApiTypes.BINARY)
class ImageField(serializers.Field):
    """An image; its value is a SubmittedImage."""

    default_error_messages = {
        "required": gettext_lazy("No image was sent. Send one as the field “image” of a form, or as the whole body."),
        "invalid": gettext_lazy("This is not a file. Send the image as a file of a multipart form."),
    }

    def to_internal_value(self, data: object) -> SubmittedImage:
        try:
            return read_image(_file(self, data))
        except ImageError as error:
            raise ValidationError(explain(error), code=error.code) from error


@extend_schema_field({"type": "string", "format": "class", "minLength": 1, "maxLength": 100})
class ClassField(serializers.CharField):
    """The name of a class; whether the model that answered has it is not asked here."""

    def __init__(self, **options) -> None:
        super().__init__(max_length=100, **options)


@extend_schema_field(OpenApiTypes.BINARY)
class FileField(serializers.Field):
    """A file that is not looked into yet."""

    default_error_messages = ImageField.default_error_messages

    def to_internal_value(self, data: object) -> File:
        return _file(self, data)


def _file(field: serializers.Field, data: object) -> File:
    if not isinstance(data, File):
        field.fail("invalid")
    return data


@extend_schema_field({"type": "string", "format": "model", "minLength": 1, "maxLength": 80})
class ModelField(serializers.Field):
    """A published model: the newest version of a name, or one with its number: name@2."""

    def to_internal_value(self, data: object) -> ModelVersion:
        version = find_version(serializers.CharField(max_length=80).run_validation(data))
        if version is None:
            raise ValidationError(_("There is no model of this name."), code="no_such_model")
        return version
