"""What a version of a classifier learnt from, its head, and its answers for images that it has not learnt from."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from classifier.models.classifier import Classifier, Example
from classifier.models.model_version import ModelVersion
from ml.classes import LONGEST_CLASS_NAME


class Revision(models.Model):
    """The labelled examples of a classifier at one moment; never changed.

    digest: of the images' SHA-256, their classes and whether they are held out. counts: images by class. Its items go
    with their uploads; digest and counts stay.
    """

    classifier = models.ForeignKey(
        Classifier, verbose_name=_("classifier"), on_delete=models.CASCADE, related_name="revisions", db_index=False
    )
    number = models.PositiveIntegerField(_("number"))
    digest = models.CharField(_("digest"), max_length=64)
    counts = models.JSONField(_("images"))
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("revision")
        verbose_name_plural = _("revisions")
        ordering = ["classifier", "-number"]
        constraints = [models.UniqueConstraint(fields=["classifier", "number"], name="revision_once")]

    def __str__(self) -> str:
        return f"{self.classifier} {self.number}"


class RevisionItem(models.Model):
    """An example as it was labelled in a revision."""

    revision = models.ForeignKey(
        Revision, verbose_name=_("revision"), on_delete=models.CASCADE, related_name="items", db_index=False
    )
    example = models.ForeignKey(
        Example, verbose_name=_("example"), on_delete=models.CASCADE, related_name="revision_items"
    )
    class_name = models.CharField(_("class"), max_length=LONGEST_CLASS_NAME)
    held_out = models.BooleanField(_("held out"))

    class Meta:
        verbose_name = _("item of a revision")
        verbose_name_plural = _("items of revisions")
        constraints = [models.UniqueConstraint(fields=["revision", "example"], name="revision_item_once")]

    def __str__(self) -> str:
        return self.class_name


class Head(models.Model):
    """The head of a version, as `ml.heads.head.Head.save` wrote it, and what it learnt from."""

    version = models.OneToOneField(
        ModelVersion, verbose_name=_("version"), on_delete=models.CASCADE, related_name="head", primary_key=True
    )
    revision = models.ForeignKey(Revision, verbose_name=_("revision"), on_delete=models.CASCADE, related_name="heads")
    backbone = models.CharField(_("backbone"), max_length=64)
    content = models.BinaryField(_("content"))

    class Meta:
        verbose_name = _("head")
        verbose_name_plural = _("heads")

    def __str__(self) -> str:
        return str(self.version)


class HeldOutAnswer(models.Model):
    """A version's answer for an example that it did not learn from.

    class_probability: of the class that the example has.
    """

    version = models.ForeignKey(
        ModelVersion,
        verbose_name=_("version"),
        on_delete=models.CASCADE,
        related_name="held_out_answers",
        db_index=False,
    )
    example = models.ForeignKey(
        Example, verbose_name=_("example"), on_delete=models.CASCADE, related_name="held_out_answers"
    )
    class_name = models.CharField(_("class"), max_length=LONGEST_CLASS_NAME)
    predicted = models.CharField(_("predicted class"), max_length=LONGEST_CLASS_NAME)
    confidence = models.FloatField(_("confidence"))
    class_probability = models.FloatField(_("probability of its class"))
    abstained = models.BooleanField(_("no answer"))

    class Meta:
        verbose_name = _("answer for a held-out image")
        verbose_name_plural = _("answers for held-out images")
        constraints = [models.UniqueConstraint(fields=["version", "example"], name="held_out_answer_once")]

    def __str__(self) -> str:
        return self.predicted

    @property
    def is_right(self) -> bool:
        return self.predicted == self.class_name


class Comparison(models.Model):
    """A version compared with the one that was active, on images that neither was trained on.

    reasons: why it may not be promoted, pairs of code and class. reason, forced_by: of a promotion in spite of them.
    """

    candidate = models.OneToOneField(
        ModelVersion, verbose_name=_("candidate"), on_delete=models.CASCADE, related_name="comparison"
    )
    baseline = models.ForeignKey(ModelVersion, verbose_name=_("baseline"), on_delete=models.CASCADE, related_name="+")
    count = models.PositiveIntegerField(_("images"))
    better = models.PositiveIntegerField(_("correct in the candidate alone"))
    worse = models.PositiveIntegerField(_("correct in the baseline alone"))
    p_value = models.FloatField(_("p-value"))
    reasons = models.JSONField(_("reasons"), default=list)
    reason = models.CharField(_("reason for the promotion"), max_length=500, blank=True)
    forced_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("promoted by"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    created_at = models.DateTimeField(_("compared at"), auto_now_add=True)

    class Meta:
        verbose_name = _("comparison")
        verbose_name_plural = _("comparisons")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.candidate} – {self.baseline}"
