"""Serializers of responses."""

from uuid import UUID

from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from classifier.api.problems import describe_image
from classifier.models import ApiToken, ModelVersion, Prediction, Upload
from classifier.presentation.class_labels import class_label
from classifier.services.models.measurements import data_set
from classifier.services.predictions.batch import BatchOutcome


class FieldErrorSerializer(serializers.Serializer):
    """An error of one field."""

    field = serializers.CharField(
        allow_blank=True, help_text=gettext_lazy("Empty if the error does not belong to a single field.")
    )
    code = serializers.CharField(help_text=gettext_lazy("The error code, for programs. It is never translated."))
    detail = serializers.CharField(help_text=gettext_lazy("The error message, in the language of the request."))


class ProblemSerializer(serializers.Serializer):
    """Problem details for HTTP APIs, RFC 9457."""

    type = serializers.CharField(help_text=gettext_lazy("The address of a description, or about:blank."))
    title = serializers.CharField()
    status = serializers.IntegerField(help_text=gettext_lazy("The HTTP status code."))
    detail = serializers.CharField(allow_blank=True)
    request_id = serializers.CharField(
        allow_blank=True,
        help_text=gettext_lazy("The request ID, as in X-Request-ID and in the site’s log."),
    )
    errors = FieldErrorSerializer(many=True, required=False)  # type: ignore[assignment]


class UploadSerializer(serializers.ModelSerializer):
    """The file as it came."""

    name = serializers.CharField(source="original_name", allow_blank=True)

    class Meta:
        model = Upload
        fields = ["name", "sha256", "format", "content_type", "width", "height", "size"]
        read_only_fields = fields


class PredictionSerializer(serializers.ModelSerializer):
    """A model's answer to one image; without id, addresses and time where it was not kept."""

    id = serializers.SerializerMethodField(help_text=gettext_lazy("null if the prediction was not stored."))
    url = serializers.SerializerMethodField(help_text=gettext_lazy("Its address in the API."))
    page = serializers.SerializerMethodField(help_text=gettext_lazy("The address of its page."))
    image = serializers.SerializerMethodField(help_text=gettext_lazy("The address of the original image."))
    thumbnail = serializers.SerializerMethodField(help_text=gettext_lazy("The address of the thumbnail, a JPEG."))
    answer = serializers.CharField(help_text=gettext_lazy("The class, or “none” if the model abstained."))
    answer_label = serializers.SerializerMethodField(
        help_text=gettext_lazy("The name of the class in the language of the request.")
    )
    probabilities = serializers.SerializerMethodField(help_text=gettext_lazy("By class, most probable first."))
    model = serializers.SerializerMethodField(help_text=gettext_lazy("The model with its version: name@1."))
    classifier = serializers.UUIDField(
        source="model_version.classifier_id",
        allow_null=True,
        help_text=gettext_lazy("The id of your own classifier, if it made the prediction; else null."),
    )
    corrected_class = serializers.SerializerMethodField(
        help_text=gettext_lazy("The class in the current correction; null without one.")
    )
    timings = serializers.DictField(
        child=serializers.FloatField(), help_text=gettext_lazy("The duration of each step in milliseconds.")
    )
    created_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(
        source="upload.kept_until",
        allow_null=True,
        help_text=gettext_lazy("When the image and the prediction will be deleted; null for never."),
    )
    upload = UploadSerializer()

    class Meta:
        model = Prediction
        fields = [
            "id",
            "url",
            "page",
            "image",
            "thumbnail",
            "answer",
            "answer_label",
            "abstained",
            "predicted_class",
            "confidence",
            "probabilities",
            "abstention_score",
            "corrected_class",
            "was_right",
            "model",
            "classifier",
            "network",
            "preprocessing_version",
            "timings",
            "created_at",
            "expires_at",
            "upload",
        ]
        read_only_fields = fields

    def get_id(self, prediction: Prediction) -> UUID | None:
        return prediction.pk if prediction.is_stored else None

    def get_url(self, prediction: Prediction) -> str | None:
        return self._address("api_prediction", prediction)

    def get_page(self, prediction: Prediction) -> str | None:
        return self._address("prediction", prediction)

    def get_image(self, prediction: Prediction) -> str | None:
        return self._address("api_image", prediction)

    def get_thumbnail(self, prediction: Prediction) -> str | None:
        return self._address("api_thumbnail", prediction)

    def get_answer_label(self, prediction: Prediction) -> str:
        return str(class_label(prediction.answer))

    def get_probabilities(self, prediction: Prediction) -> dict[str, float]:
        return dict(prediction.ranking)

    def get_model(self, prediction: Prediction) -> str:
        return full_name(prediction.model_version)

    def get_corrected_class(self, prediction: Prediction) -> str | None:
        return prediction.corrected_class or None

    def _address(self, name: str, prediction: Prediction) -> str | None:
        if not prediction.is_stored:
            return None
        return reverse(name, args=[prediction.pk], request=self.context["request"])


class PageSerializer(serializers.Serializer):
    """Some of the predictions, and where there are more."""

    next = serializers.CharField(allow_null=True, help_text=gettext_lazy("The address of the next page."))
    previous = serializers.CharField(allow_null=True, help_text=gettext_lazy("The address of the previous page."))
    results = PredictionSerializer(many=True)


class OutcomeSerializer(serializers.Serializer):
    """The result of one image of a batch: a prediction, or a problem."""

    name = serializers.CharField(allow_blank=True)
    prediction = PredictionSerializer(allow_null=True)
    problem = serializers.SerializerMethodField()

    @extend_schema_field(ProblemSerializer(allow_null=True))
    def get_problem(self, outcome: BatchOutcome) -> dict | None:
        return describe_image(outcome.error, self.context["request"]) if outcome.error else None


class BatchResultSerializer(serializers.Serializer):
    results = OutcomeSerializer(many=True, help_text=gettext_lazy("In the order of the files."))


class ModelSerializer(serializers.ModelSerializer):
    """A published version of a model."""

    model = serializers.SerializerMethodField(help_text=gettext_lazy("Name and version: name@1."))
    url = serializers.SerializerMethodField()
    classes = serializers.ListField(child=serializers.CharField(), source="known_classes")
    architecture = serializers.CharField(source="whole_card.architecture")
    parameter_count = serializers.IntegerField(source="whole_card.parameter_count")
    test_accuracy = serializers.FloatField(allow_null=True, help_text=gettext_lazy("Accuracy on the test images."))
    test_interval = serializers.ListField(
        child=serializers.FloatField(),
        allow_null=True,
        source="test.interval",
        default=None,
        help_text=gettext_lazy("The lower and upper bounds of the 95 percent interval."),
    )
    test_count = serializers.IntegerField(
        allow_null=True, source="test.count", default=None, help_text=gettext_lazy("The number of test images.")
    )
    test_data = serializers.SerializerMethodField(help_text=gettext_lazy("The data set of the test images."))
    published_at = serializers.DateTimeField(source="created_at")

    class Meta:
        model = ModelVersion
        fields = [
            "model",
            "url",
            "name",
            "number",
            "active",
            "classes",
            "architecture",
            "parameter_count",
            "test_accuracy",
            "test_interval",
            "test_count",
            "test_data",
            "digest",
            "published_at",
        ]
        read_only_fields = fields

    def get_model(self, version: ModelVersion) -> str:
        return full_name(version)

    def get_test_data(self, version: ModelVersion) -> str:
        return data_set(version.whole_card)

    def get_url(self, version: ModelVersion) -> str:
        return reverse("api_model", args=[full_name(version)], request=self.context["request"])


class ModelDetailSerializer(ModelSerializer):
    card = serializers.DictField(help_text=gettext_lazy("The whole model card: training, metrics, calibration."))

    class Meta(ModelSerializer.Meta):
        fields = [*ModelSerializer.Meta.fields, "card"]
        read_only_fields = fields


class ModelListSerializer(serializers.Serializer):
    results = ModelSerializer(many=True)


class TokenSerializer(serializers.ModelSerializer):
    """The token that the request was made with."""

    class Meta:
        model = ApiToken
        fields = ["name", "scope", "created", "expiry"]
        read_only_fields = fields


class MeSerializer(serializers.Serializer):
    """The current account, and the token of the request."""

    username = serializers.CharField(source="user.username")
    joined_at = serializers.DateTimeField(source="user.date_joined")
    token = TokenSerializer(
        source="auth", allow_null=True, help_text=gettext_lazy("null if the request uses a browser session.")
    )


def full_name(version: ModelVersion) -> str:
    return version.full_name
