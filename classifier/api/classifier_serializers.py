"""Serializers of requests about people's own classifiers."""

from django.utils.translation import gettext_lazy
from rest_framework import serializers

from classifier.api.fields import ClassField, ImageField, KnownNamesSerializer, TextField, TruthField
from classifier.services.classifiers.collection import MOST_CLASSES


class NewClassifierSerializer(KnownNamesSerializer):
    """A classifier to create."""

    name = TextField(max_length=100, help_text=gettext_lazy("Its name."))
    classes = serializers.ListField(
        child=ClassField(),
        required=False,
        max_length=MOST_CLASSES,
        help_text=gettext_lazy("The names of its classes; more can be added later."),
    )


class ClassNameSerializer(KnownNamesSerializer):
    """The name of a class."""

    name = ClassField(help_text=gettext_lazy("“Cat” and “cat” are one class."))


class NewExampleSerializer(KnownNamesSerializer):
    """An image to learn from: a file, or one of the history."""

    image = ImageField(required=False, help_text=gettext_lazy("The image as a file."))
    prediction = serializers.UUIDField(
        required=False, help_text=gettext_lazy("The id of one of your predictions, whose image is used.")
    )
    class_name = ClassField(
        required=False, help_text=gettext_lazy("Its class, created if there is none; without it, it has no label.")
    )

    def validate(self, attrs: dict) -> dict:
        if ("image" in attrs) == ("prediction" in attrs):
            text = gettext_lazy("Send either “image” or “prediction”.")
            raise serializers.ValidationError({"image": text}, code="required")
        if "prediction" in attrs and "class_name" not in attrs:
            text = gettext_lazy("Send the class that the image is an example of.")
            raise serializers.ValidationError({"class_name": text}, code="required")
        return attrs


class ExampleChangeSerializer(KnownNamesSerializer):
    """What changes of an example."""

    class_name = ClassField(
        required=False, allow_null=True, help_text=gettext_lazy("One of the classes; null takes the label away.")
    )
    must_stay_right = TruthField(required=False, help_text=gettext_lazy("Whether no later version may get it wrong."))

    def validate(self, attrs: dict) -> dict:
        if not attrs:
            raise serializers.ValidationError(gettext_lazy("Send what is to change."), code="required")
        return attrs


class ActivationSerializer(serializers.Serializer):
    """Why a version is used although the comparison speaks against it."""

    reason = TextField(
        required=False, max_length=500, help_text=gettext_lazy("Needed only if the comparison speaks against it.")
    )
