"""A model's prediction for an upload."""

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from classifier.models.model_version import ModelVersion
from classifier.models.upload import HAS_ONE_OWNER, Upload
from ml.classes import NONE_CLASS
from ml.serving.routing import THUMBNAILS


class Prediction(models.Model):
    """One model's answer to one upload, with all that is needed to account for it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    upload = models.ForeignKey(Upload, verbose_name=_("upload"), on_delete=models.CASCADE, related_name="predictions")
    # Copied from the upload, so that every sort order of a person's predictions uses one index.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("owner"),
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="predictions",
        db_index=False,
    )
    visitor = models.UUIDField(_("anonymous visitor"), null=True, blank=True)
    model_version = models.ForeignKey(
        ModelVersion, verbose_name=_("model"), on_delete=models.PROTECT, related_name="predictions"
    )
    network = models.CharField(
        _("network"), max_length=63, blank=True, help_text=_("The network of the model that made the prediction.")
    )
    seen_whole = models.BooleanField(
        _("seen whole"), null=True, help_text=_("Whether the network saw the whole image or its centre.")
    )
    probabilities = models.JSONField(_("probabilities"), help_text=_("In the order of the model's class names."))
    predicted_class = models.CharField(_("class"), max_length=100)
    confidence = models.FloatField(_("confidence"), db_index=True)
    abstained = models.BooleanField(_("no answer"), default=False)
    abstention_score = models.FloatField(
        _("abstention score"),
        null=True,
        blank=True,
        help_text=_("The model abstains if the score is below the threshold in its card."),
    )
    corrected_class = models.CharField(
        _("corrected class"), max_length=100, blank=True, help_text=_("The class in the current correction.")
    )
    was_right = models.BooleanField(
        _("was right"), null=True, help_text=_("According to the current correction; unknown without one.")
    )
    preprocessing_version = models.CharField(_("preprocessing version"), max_length=20)
    timings = models.JSONField(_("timings"), help_text=_("The duration of each step in milliseconds."))
    created_at = models.DateTimeField(_("classified at"), auto_now_add=True)

    class Meta:
        verbose_name = _("prediction")
        verbose_name_plural = _("predictions")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=HAS_ONE_OWNER,
                name="prediction_has_one_owner",
            )
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="prediction_newest"),
            models.Index(fields=["predicted_class", "-created_at", "-id"], name="prediction_class_newest"),
            *(
                models.Index(
                    fields=[whose, *fields],
                    condition=models.Q(**{f"{whose}__isnull": False}),
                    name=f"prediction_{whose}_{name}",
                )
                for whose in ("owner", "visitor")
                for name, fields in {
                    "newest": ["-created_at", "-id"],
                    "class": ["predicted_class", "-created_at", "-id"],
                    "surest": ["-confidence", "-id"],
                }.items()
            ),
            # SQLite asks for what is false by NOT, which no index of the values helps with.
            models.Index(
                fields=["-created_at", "-id"], condition=models.Q(was_right=False), name="prediction_wrong_newest"
            ),
            models.Index(
                fields=["model_version", "was_right"],
                condition=models.Q(was_right__isnull=False),
                name="prediction_model_corrected",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.predicted_class} ({self.confidence:.1%})"

    def save(self, *args, **kwargs) -> None:
        if self._state.adding:
            self.owner_id, self.visitor = self.upload.owner_id, self.upload.visitor
        super().save(*args, **kwargs)

    @property
    def is_stored(self) -> bool:
        """Whether there is a row: an answer that was not to be kept has none."""
        return not self._state.adding

    @property
    def answer(self) -> str:
        """The class that was answered; abstaining answers that it is none of them."""
        return NONE_CLASS if self.abstained else self.predicted_class

    @property
    def found_none(self) -> bool:
        """Whether the network has a class for none of the others and found that; else an abstention is mere doubt."""
        return self.abstained and self.network != THUMBNAILS and NONE_CLASS in self.model_version.class_names

    @property
    def network_card(self) -> dict:
        """The card of the network that made the prediction."""
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
