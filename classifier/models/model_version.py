"""A published model: the row that points at its folder."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Manager
from django.utils.translation import gettext_lazy as _

from ml.artifacts.folder import ArtifactError, Card
from ml.classes import without_none


class SiteVersions(Manager):
    """The site's own models, which are public; those of people's own classifiers are theirs."""

    def get_queryset(self) -> models.QuerySet:
        return super().get_queryset().filter(classifier=None)


class ModelVersion(models.Model):
    """One version of a named model; at most one of the site's is active, and that one answers.

    classifier: whose version it is, if it is a head of somebody's own classes: `objects` has none of these, so that
    no list of models shows them; `every` has all.
    """

    name = models.CharField(_("name"), max_length=63)
    number = models.PositiveIntegerField(_("version"))
    folder = models.CharField(
        _("folder"), max_length=500, help_text=_("Relative to the models folder, or an absolute path.")
    )
    digest = models.CharField(_("digest"), max_length=64, unique=True)
    card = models.JSONField(_("card"))
    active = models.BooleanField(_("active"), default=False)
    training_run = models.ForeignKey(
        "classifier.TrainingRun",
        verbose_name=_("training run"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="model_versions",
    )
    classifier = models.ForeignKey(
        "classifier.Classifier",
        verbose_name=_("classifier"),
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
    )
    created_at = models.DateTimeField(_("published at"), auto_now_add=True)
    activated_at = models.DateTimeField(_("activated at"), null=True, blank=True)

    every = Manager()
    objects = SiteVersions()

    class Meta:
        base_manager_name = "every"
        default_manager_name = "objects"
        verbose_name = _("model version")
        verbose_name_plural = _("model versions")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["name", "number"], name="model_version_name_number"),
            models.UniqueConstraint(
                fields=["active"],
                condition=models.Q(active=True, classifier__isnull=True),
                name="model_version_one_active",
            ),
            models.UniqueConstraint(
                fields=["classifier"], condition=models.Q(active=True), name="model_version_one_active_of_classifier"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.classifier or self.name} v{self.number}"

    @property
    def full_name(self) -> str:
        """Name and version, as programs read them: name@1."""
        return f"{self.classifier or self.name}@{self.number}"

    @property
    def path(self) -> Path:
        return Path(settings.MODELS_DIR) / self.folder

    @property
    def whole_card(self) -> Card:
        return Card.from_dict(self.card)

    def check_unchanged(self, card: Card) -> None:
        """Raise ArtifactError when `card`, found in the folder, is not the one that was published."""
        if card.digest != self.digest:
            raise ArtifactError(f"{self.path} no longer contains the files that were published as {self}.")

    @property
    def class_names(self) -> list[str]:
        return self.card["class_names"]

    @property
    def known_classes(self) -> tuple[str, ...]:
        """The classes but for that of none of the others."""
        return without_none(self.class_names)

    @property
    def test(self) -> dict[str, Any]:
        """The figures of its test; empty for a model that was never tested."""
        return self.card["metrics"].get("test") or {}

    @property
    def test_accuracy(self) -> float | None:
        return self.test.get("accuracy")
