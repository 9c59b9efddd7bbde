"""Serializers of responses about people's own classifiers."""

from typing import Any

from django.utils.translation import gettext_lazy
from rest_framework import serializers
from rest_framework.reverse import reverse

from classifier.api.job_representations import JobInListSerializer
from classifier.api.representations import UploadSerializer
from classifier.models import Classifier, Comparison, Example, LearntClass, ModelVersion
from classifier.presentation.classifier_versions import VersionFigures, refusals, verdict


class LearntClassSerializer(serializers.ModelSerializer):
    """A class of a classifier."""

    image_count = serializers.SerializerMethodField(help_text=gettext_lazy("The number of its images."))

    class Meta:
        model = LearntClass
        fields = ["id", "name", "image_count"]
        read_only_fields = fields

    def get_image_count(self, learnt_class: LearntClass) -> int:
        return learnt_class.examples.count()


class ClassListSerializer(serializers.Serializer):
    results = LearntClassSerializer(many=True)


class ClassifierSerializer(serializers.ModelSerializer):
    """A classifier of your own classes."""

    url = serializers.SerializerMethodField(help_text=gettext_lazy("Its address in the API."))
    page = serializers.SerializerMethodField(help_text=gettext_lazy("Its page for people."))
    classes = LearntClassSerializer(many=True)
    image_count = serializers.SerializerMethodField(help_text=gettext_lazy("The number of its images."))
    version = serializers.SerializerMethodField(
        help_text=gettext_lazy("The number of the version in use; null until it is trained.")
    )

    class Meta:
        model = Classifier
        fields = ["id", "url", "page", "name", "classes", "image_count", "version", "created_at"]
        read_only_fields = fields

    def get_url(self, classifier: Classifier) -> str:
        return reverse("api_classifier", args=[classifier.pk], request=self.context["request"])

    def get_page(self, classifier: Classifier) -> str:
        return reverse("classifier", args=[classifier.pk], request=self.context["request"])

    def get_image_count(self, classifier: Classifier) -> int:
        return classifier.examples.count()

    def get_version(self, classifier: Classifier) -> int | None:
        active = ModelVersion.every.filter(classifier=classifier, active=True)
        return active.values_list("number", flat=True).first()


class ClassifierListSerializer(serializers.Serializer):
    results = ClassifierSerializer(many=True)


class ExampleSerializer(serializers.ModelSerializer):
    """An image of a classifier."""

    url = serializers.SerializerMethodField(help_text=gettext_lazy("Its address in the API."))
    class_name = serializers.CharField(
        source="learnt_class.name", default=None, allow_null=True, help_text=gettext_lazy("null without a label.")
    )
    held_out = serializers.BooleanField(help_text=gettext_lazy("Whether it only judges versions."))
    upload = UploadSerializer()

    class Meta:
        model = Example
        fields = ["id", "url", "class_name", "held_out", "must_stay_right", "created_at", "upload"]
        read_only_fields = fields

    def get_url(self, example: Example) -> str:
        return reverse("api_example", args=[example.classifier_id, example.pk], request=self.context["request"])


class ExamplePageSerializer(serializers.Serializer):
    """A page of examples, the newest first."""

    next = serializers.CharField(allow_null=True, help_text=gettext_lazy("The address of the next page."))
    previous = serializers.CharField(allow_null=True, help_text=gettext_lazy("The address of the previous page."))
    results = ExampleSerializer(many=True)


class RefusalSerializer(serializers.Serializer):
    """Why a version is not used by itself."""

    code = serializers.CharField()
    class_name = serializers.CharField(allow_blank=True)
    detail = serializers.CharField()


class ComparisonSerializer(serializers.Serializer):
    """A version compared with the one that was in use, on images that neither was trained on."""

    candidate = serializers.IntegerField(source="candidate.number")
    baseline = serializers.IntegerField(source="baseline.number")
    count = serializers.IntegerField(help_text=gettext_lazy("The number of images."))
    better = serializers.IntegerField(help_text=gettext_lazy("Correct by the candidate alone."))
    worse = serializers.IntegerField(help_text=gettext_lazy("Correct by the baseline alone."))
    p_value = serializers.FloatField(help_text=gettext_lazy("Of McNemar’s exact test."))
    verdict = serializers.SerializerMethodField(help_text=gettext_lazy("What the comparison proves, in a sentence."))
    refusals = serializers.SerializerMethodField(help_text=gettext_lazy("Why the candidate needs a reason."))
    reason = serializers.CharField(allow_blank=True, help_text=gettext_lazy("Why it is used in spite of them."))

    def get_verdict(self, comparison: Comparison) -> str:
        return verdict(comparison)

    def get_refusals(self, comparison: Comparison) -> list[dict[str, str]]:
        pairs = zip(comparison.reasons, refusals(comparison), strict=True)
        return [{"code": code, "class_name": name, "detail": detail} for (code, name), detail in pairs]


class ComparisonListSerializer(serializers.Serializer):
    results = ComparisonSerializer(many=True)


class VersionSerializer(serializers.ModelSerializer):
    """A trained version, and how good it is on images that it had not seen."""

    url = serializers.SerializerMethodField(help_text=gettext_lazy("Its address in the API."))
    page = serializers.SerializerMethodField(help_text=gettext_lazy("Its page for people."))
    active = serializers.BooleanField(help_text=gettext_lazy("Whether it answers."))
    classes = serializers.ListField(child=serializers.CharField(), source="class_names")
    correct = serializers.SerializerMethodField(help_text=gettext_lazy("How many images it gets right."))
    count = serializers.SerializerMethodField(help_text=gettext_lazy("Of how many."))
    interval = serializers.ListField(
        child=serializers.FloatField(),
        source="test.interval",
        help_text=gettext_lazy("The lower and upper bounds of the 95 percent interval."),
    )
    cross_validated = serializers.SerializerMethodField(
        help_text=gettext_lazy("Whether it was cross-validated, instead of judged by held-out images.")
    )

    class Meta:
        model = ModelVersion
        fields = [
            "number",
            "url",
            "page",
            "active",
            "classes",
            "correct",
            "count",
            "interval",
            "cross_validated",
            "digest",
            "created_at",
            "activated_at",
        ]
        read_only_fields = fields

    def get_url(self, version: ModelVersion) -> str:
        return self._address("api_version", version)

    def get_page(self, version: ModelVersion) -> str:
        return self._address("classifier_version", version)

    def get_correct(self, version: ModelVersion) -> int:
        return VersionFigures(version).right

    def get_count(self, version: ModelVersion) -> int:
        return VersionFigures(version).count

    def get_cross_validated(self, version: ModelVersion) -> bool:
        return VersionFigures(version).cross_validated

    def _address(self, name: str, version: ModelVersion) -> str:
        return reverse(name, args=[version.classifier_id, version.number], request=self.context["request"])


class VersionListSerializer(serializers.Serializer):
    results = VersionSerializer(many=True)


class RunListSerializer(serializers.Serializer):
    """The training jobs of a classifier, the newest first."""

    results = JobInListSerializer(many=True)


def listed(serializer: type[serializers.Serializer], found: Any, request: Any) -> dict:
    """A list that is not paged."""
    return serializer({"results": found}, context={"request": request}).data
