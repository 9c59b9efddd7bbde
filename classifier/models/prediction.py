"""What a model said of an upload."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from classifier.models.model_version import ModelVersion
from classifier.models.upload import Upload


class Prediction(models.Model):
    """One model's answer to one upload, with all that is needed to account for it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    upload = models.ForeignKey(Upload, verbose_name=_("upload"), on_delete=models.CASCADE, related_name="predictions")
    model_version = models.ForeignKey(
        ModelVersion, verbose_name=_("model"), on_delete=models.PROTECT, related_name="predictions"
    )
    network = models.CharField(
        _("network"), max_length=63, blank=True, help_text=_("Which one of the model's networks answered.")
    )
    seen_whole = models.BooleanField(
        _("seen whole"), null=True, help_text=_("Whether the network saw the whole picture or its middle.")
    )
    probabilities = models.JSONField(_("probabilities"), help_text=_("In the order of the model's class names."))
    predicted_class = models.CharField(_("class"), max_length=100)
    confidence = models.FloatField(_("confidence"), db_index=True)
    abstained = models.BooleanField(_("abstained"), default=False)
    abstention_score = models.FloatField(
        _("abstention score"), null=True, blank=True, help_text=_("The model abstains below its card's threshold.")
    )
    preprocessing_version = models.CharField(_("preprocessing version"), max_length=20)
    timings = models.JSONField(_("timings"), help_text=_("Milliseconds of each step."))
    created_at = models.DateTimeField(_("classified at"), auto_now_add=True)

    class Meta:
        verbose_name = _("prediction")
        verbose_name_plural = _("predictions")
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="prediction_newest"),
            models.Index(fields=["predicted_class", "-created_at", "-id"], name="prediction_class_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.predicted_class} ({self.confidence:.1%})"

    @property
    def network_card(self) -> dict:
        """What the card says of the network that answered."""
        card = self.model_version.card
        return card["networks"][self.network] if self.network else card

    @property
    def saw_the_whole(self) -> bool:
        """Whether the network saw the whole picture; older rows know it by the network alone."""
        return not any(self.network_card.get("framing", {}).values()) if self.seen_whole is None else self.seen_whole

    @property
    def ranking(self) -> list[tuple[str, float]]:
        """Class names with their probabilities, the most probable first."""
        pairs = zip(self.model_version.class_names, self.probabilities, strict=True)
        return sorted(pairs, key=lambda pair: -pair[1])
