"""A person's own classifier: its classes, and which of the person's images are examples of them."""

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from classifier.models.upload import HAS_ONE_OWNER, Upload, folded
from ml.classes import LONGEST_CLASS_NAME, NONE_CLASS


class Classifier(models.Model):
    """It belongs to a user, or to an anonymous visitor until that person signs in."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("owner"),
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="classifiers",
    )
    visitor = models.UUIDField(_("anonymous visitor"), null=True, blank=True, db_index=True)
    name = models.CharField(_("name"), max_length=100)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("classifier")
        verbose_name_plural = _("classifiers")
        ordering = ["-created_at", "-id"]
        constraints = [models.CheckConstraint(condition=HAS_ONE_OWNER, name="classifier_has_one_owner")]

    def __str__(self) -> str:
        return self.name


class LearntClass(models.Model):
    """One class of a classifier. folded_name: in small letters, so that "Cat" and "cat" are one class."""

    classifier = models.ForeignKey(
        Classifier, verbose_name=_("classifier"), on_delete=models.CASCADE, related_name="classes"
    )
    name = models.CharField(_("name"), max_length=LONGEST_CLASS_NAME)
    folded_name = models.CharField(max_length=3 * LONGEST_CLASS_NAME, editable=False)
    position = models.PositiveIntegerField(_("position"), default=0)

    class Meta:
        verbose_name = _("class")
        verbose_name_plural = _("classes")
        ordering = ["position", "id"]
        constraints = [models.UniqueConstraint(fields=["classifier", "folded_name"], name="learnt_class_once")]

    def __str__(self) -> str:
        return self.name

    def save(self, *args, **kwargs) -> None:
        self.folded_name = folded(self.name)
        super().save(*args, **kwargs)

    @property
    def is_none(self) -> bool:
        """Whether it is for images of none of the other classes."""
        return self.folded_name == NONE_CLASS


class Example(models.Model):
    """An image of a classifier, labelled or not yet.

    group: that of its copies, the SHA-256 of the first; copies are held out together. held_out: whether it only judges
    versions; decided once, from the group and the classifier.
    """

    class Source(models.TextChoices):
        UPLOAD = "upload", _("upload")
        HISTORY = "history", _("history")
        CORRECTION = "correction", _("correction")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    classifier = models.ForeignKey(
        Classifier, verbose_name=_("classifier"), on_delete=models.CASCADE, related_name="examples", db_index=False
    )
    upload = models.ForeignKey(Upload, verbose_name=_("upload"), on_delete=models.CASCADE, related_name="examples")
    learnt_class = models.ForeignKey(
        LearntClass,
        verbose_name=_("class"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="examples",
    )
    source = models.CharField(_("source"), max_length=10, choices=Source, default=Source.UPLOAD)
    group = models.CharField(_("group of copies"), max_length=64)
    held_out = models.BooleanField(_("held out"))
    must_stay_right = models.BooleanField(_("must stay correct"), default=False)
    created_at = models.DateTimeField(_("added at"), auto_now_add=True)
    labelled_at = models.DateTimeField(_("labelled at"), null=True, blank=True)

    class Meta:
        verbose_name = _("example")
        verbose_name_plural = _("examples")
        ordering = ["created_at", "id"]
        constraints = [models.UniqueConstraint(fields=["classifier", "upload"], name="example_once")]

    def __str__(self) -> str:
        return str(self.pk)


class Features(models.Model):
    """What a backbone sees in an upload, computed once.

    backbone: SHA-256 of its graph. vector: float16 (F,). signature: uint64 (4,) and uint8 (192,), which copies of an
    image share nearly. sharpness: variance of the Laplacian.
    """

    upload = models.ForeignKey(
        Upload, verbose_name=_("upload"), on_delete=models.CASCADE, related_name="features", db_index=False
    )
    backbone = models.CharField(_("backbone"), max_length=64)
    vector = models.BinaryField(_("features"))
    signature = models.BinaryField(_("fingerprint"))
    sharpness = models.FloatField(_("sharpness"))

    class Meta:
        verbose_name = _("features of an image")
        verbose_name_plural = _("features of images")
        constraints = [models.UniqueConstraint(fields=["upload", "backbone"], name="features_once")]

    def __str__(self) -> str:
        return str(self.upload_id)
