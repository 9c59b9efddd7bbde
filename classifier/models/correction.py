"""A user's correction of a prediction."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from classifier.models.prediction import Prediction


class Correction(models.Model):
    """One verdict on a prediction; the last that was not undone counts. Rows are never changed but for being undone."""

    prediction = models.ForeignKey(
        Prediction, verbose_name=_("prediction"), on_delete=models.CASCADE, related_name="corrections"
    )
    label = models.CharField(_("class"), max_length=100, help_text=_("One of the model’s classes, or none of them."))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("user"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="corrections",
    )
    created_at = models.DateTimeField(_("corrected at"), auto_now_add=True)
    undone_at = models.DateTimeField(_("undone at"), null=True, blank=True)

    class Meta:
        verbose_name = _("correction")
        verbose_name_plural = _("corrections")
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.label
