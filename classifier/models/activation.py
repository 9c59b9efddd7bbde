"""The history of active models, which a rollback follows back."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from classifier.models.model_version import ModelVersion


class Activation(models.Model):
    """One change of the active model."""

    version = models.ForeignKey(
        ModelVersion, verbose_name=_("model"), on_delete=models.CASCADE, related_name="activations"
    )
    rollback = models.BooleanField(_("rollback"), default=False, help_text=_("A return to a previously active model."))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("user"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    created_at = models.DateTimeField(_("activated at"), auto_now_add=True)

    class Meta:
        verbose_name = _("activation")
        verbose_name_plural = _("activations")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.version} ({self.created_at:%Y-%m-%d %H:%M})"
