"""Serializer fields that validate as the site's forms do, with the same messages."""

from collections.abc import Mapping
from typing import Any

from django.core.files import File
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from classifier.models import ModelVersion, Retention
from classifier.services.classifiers.answering import usable_versions
from classifier.services.history.identifiers import as_uuid
from classifier.services.models.publishing import find_version


@extend_schema_field(OpenApiTypes.BINARY)
class ImageField(serializers.Field):
    """A file; whether it is an image is found out where it is classified."""

    default_error_messages = {
        "required": gettext_lazy("No image was sent. Send one in the form field “image” or as the request body."),
        "invalid": gettext_lazy("This is not a file. Send the image as a file in a multipart form."),
    }

    def to_internal_value(self, data: object) -> File:
        if not isinstance(data, File):
            self.fail("invalid")
        return data


class TextField(serializers.CharField):
    default_error_messages = {"invalid": gettext_lazy("This is not text.")}

    def to_internal_value(self, data: object) -> str:
        # A number is no text either.
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class TruthField(serializers.BooleanField):
    def to_internal_value(self, data: object) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid")
        return data


@extend_schema_field({"type": "string", "minLength": 1, "maxLength": 100, "pattern": r"^[^\x00]*$"})
class CursorField(serializers.CharField):
    """The cursor of a page; an invalid one belongs to no page."""

    def __init__(self, **options) -> None:
        super().__init__(max_length=100, trim_whitespace=False, **options)


@extend_schema_field({"type": "string", "format": "class", "minLength": 1, "maxLength": 100})
class ClassField(TextField):
    """The name of a class; whether the model that answered has it is not asked here."""

    def __init__(self, **options) -> None:
        super().__init__(max_length=100, **options)


@extend_schema_field({"type": "string", "format": "label", "minLength": 1, "maxLength": 100})
class LabelField(ClassField):
    """What a person says an image shows: a class of the model that answered, or none of them."""


@extend_schema_field(OpenApiTypes.BINARY)
class FileField(serializers.Field):
    """A file that is not looked into yet."""

    def to_internal_value(self, data: object) -> object:
        return data


@extend_schema_field(OpenApiTypes.BINARY)
class ArchiveField(serializers.Field):
    """A ZIP archive, which is not looked into yet."""

    default_error_messages = {
        "required": gettext_lazy("No archive was sent. Send one as the field “archive” of a form."),
        "invalid": gettext_lazy("This is not a file. Send the archive as a file of a multipart form."),
    }

    def to_internal_value(self, data: object) -> File:
        if not isinstance(data, File):
            self.fail("invalid")
        return data


class KeepField(serializers.ChoiceField):
    """A number of days to keep an upload, validated as a Retention."""

    def to_internal_value(self, data: Any) -> Retention:
        return Retention(str(super().to_internal_value(data)))


class FilesField(serializers.ListField):
    """Files of a form, each of the same name."""

    child = FileField()
    default_error_messages = {
        "required": gettext_lazy("No images were sent. Send each as a file named “images” in one multipart form."),
        "not_a_file": gettext_lazy("One of “images” is not a file. Send each image as a file in a multipart form."),
        "min_length": gettext_lazy("Send at least {min_length} image."),
        "max_length": gettext_lazy("Too many images. Send at most {max_length} in one request."),
    }

    def to_internal_value(self, data: list) -> list[File]:
        # Which one is not told: of a form the texts come before the files, wherever they stood.
        if not all(isinstance(one, File) for one in data):
            self.fail("not_a_file")
        return super().to_internal_value(data)


@extend_schema_field({"type": "string", "format": "model", "minLength": 1, "maxLength": 80})
class ModelField(serializers.Field):
    """A published model: the newest version of a name, or one with its number: name@2."""

    def to_internal_value(self, data: object) -> ModelVersion:
        version = find_version(TextField(max_length=80).run_validation(data))
        if version is None:
            raise ValidationError(_("There is no model with this name."), code="no_such_model")
        return version


@extend_schema_field({"type": "string", "format": "classifier", "minLength": 1, "maxLength": 80})
class OwnVersionField(serializers.Field):
    """One of the person's own classifiers by its id, as its version in use; the context has the `owner`."""

    def to_internal_value(self, data: object) -> ModelVersion:
        pk = as_uuid(TextField(max_length=80).run_validation(data))
        version = usable_versions(self.context["owner"]).filter(classifier=pk).first() if pk else None
        if version is None:
            raise ValidationError(_("You have no trained classifier with this ID."), code="no_such_classifier")
        return version


class KnownNamesSerializer(serializers.Serializer):
    """Refuses every name that is none of its fields': what is misspelled would otherwise be taken for not said."""

    def to_internal_value(self, data: object) -> dict:
        unknown = [name for name in data if name not in self.fields] if isinstance(data, Mapping) else []
        if unknown:
            text = _("Unknown name “%(name)s”. Use one of: %(known)s.")
            known = ", ".join(self.fields)
            raise ValidationError({name: text % {"name": name[:100], "known": known} for name in unknown}, "unknown")
        return super().to_internal_value(data)


def one_model(sent: dict, *, required: bool = False) -> None:
    """Refuse both a model and a classifier, and neither if one is required. Raises ValidationError."""
    if "model" in sent and "classifier" in sent:
        raise ValidationError({"classifier": _("Send either “model” or “classifier”.")}, code="both")
    if required and not {"model", "classifier"} & sent.keys():
        raise ValidationError({"model": _("Send “model” or “classifier”.")}, code="required")
