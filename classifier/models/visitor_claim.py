"""The user to whom an anonymous visitor's uploads were moved."""

from django.conf import settings
from django.db import models


class VisitorClaim(models.Model):
    """Uploads still being stored for the visitor go to the user; obsolete once the requests of that time have ended."""

    visitor = models.UUIDField(primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return str(self.visitor)
