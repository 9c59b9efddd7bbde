"""An uploaded file and its owner."""

import unicodedata
import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

#: For a table with the fields `owner` and `visitor`.
HAS_ONE_OWNER = models.Q(owner__isnull=False, visitor__isnull=True) | models.Q(
    owner__isnull=True, visitor__isnull=False
)


def composed(name: str) -> str:
    """The name in Unicode's form C: a Mac writes "ї" as two characters, other systems as one."""
    return unicodedata.normalize("NFC", name)


def folded(name: str) -> str:
    """The name as it is searched: in form C, and in small letters."""
    return composed(composed(name).casefold())


class Retention(models.TextChoices):
    """How long an upload and its results are stored, as forms, the API and jobs encode it; the longest first."""

    UNTIL_DELETED = ""
    MONTH = "30"
    WEEK = "7"
    DAY = "1"
    NOT_STORED = "0"

    @property
    def days(self) -> int | None:
        """The number of days; None until the owner deletes the upload, 0 for one that is not stored at all."""
        return int(self.value) if self.value else None

    def expires_at(self, now: datetime) -> datetime | None:
        """When an upload that is stored now expires, or None if it does not."""
        return None if self.days is None else now + timedelta(days=self.days)

    @property
    def label(self) -> str:
        """The choice in the current language."""
        if self.days is None:
            return gettext("until I delete them")
        if self.days == 0:
            return gettext("do not keep: only show the result")
        return ngettext("%(days)d day", "%(days)d days", self.days) % {"days": self.days}


class Upload(models.Model):
    """One uploaded file: it belongs to a user, or to an anonymous visitor until that person signs in."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("owner"),
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="uploads",
        db_index=False,
    )
    visitor = models.UUIDField(_("anonymous visitor"), null=True, blank=True)
    file = models.FileField(_("file"), max_length=200)
    thumbnail = models.FileField(_("thumbnail"), max_length=200)
    #: For originals that are slow to decode; else empty.
    working_copy = models.FileField(_("working copy"), max_length=200, blank=True, editable=False)
    original_name = models.CharField(_("original name"), max_length=255, blank=True)
    # Databases do not agree on what small letters are beyond English.
    folded_name = models.CharField(_("original name, folded for search"), max_length=765, blank=True, editable=False)
    sha256 = models.CharField(_("SHA-256"), max_length=64, db_index=True)
    format = models.CharField(_("format"), max_length=8)
    content_type = models.CharField(_("content type"), max_length=40)
    width = models.PositiveIntegerField(_("width"))
    height = models.PositiveIntegerField(_("height"))
    size = models.PositiveBigIntegerField(_("size in bytes"))
    created_at = models.DateTimeField(_("uploaded at"), auto_now_add=True, db_index=True)
    expires_at = models.DateTimeField(
        _("kept until"), null=True, blank=True, help_text=_("Empty: until the owner deletes it.")
    )

    class Meta:
        verbose_name = _("upload")
        verbose_name_plural = _("uploads")
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["owner", "-created_at"], name="upload_owner_created"),
            models.Index(fields=["visitor", "-created_at"], name="upload_visitor_created"),
            # LIKE 'cat%' is looked up in it whatever the collation of a PostgreSQL is; SQLite has no such classes.
            models.Index(fields=["folded_name"], opclasses=["varchar_pattern_ops"], name="upload_name"),
            # A part of a name is looked for among one person's: all that takes is in the index.
            *(
                models.Index(
                    fields=[whose, "folded_name", "id"],
                    condition=models.Q(**{f"{whose}__isnull": False}),
                    name=f"upload_{whose}_name",
                )
                for whose in ("owner", "visitor")
            ),
            models.Index(fields=["expires_at"], condition=models.Q(expires_at__isnull=False), name="upload_expiring"),
            models.Index(
                fields=["created_at"], condition=models.Q(visitor__isnull=False), name="upload_anonymous_created"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=HAS_ONE_OWNER,
                name="upload_has_one_owner",
            )
        ]

    def __str__(self) -> str:
        return self.original_name or str(self.id)

    def save(self, *args, **kwargs) -> None:
        self.original_name = composed(self.original_name)
        self.folded_name = folded(self.original_name)
        super().save(*args, **kwargs)

    @property
    def kept_until(self) -> datetime | None:
        """When it expires: as its owner chose, and at the latest when an anonymous visitor's session has expired."""
        if self.visitor is None:
            return self.expires_at
        end = self.created_at + timedelta(days=settings.ANONYMOUS_DAYS)
        return end if self.expires_at is None else min(end, self.expires_at)

    def place_in(self, folder: str) -> str:
        """What the names of the upload's files in a folder of the storage begin with."""
        return f"{folder}/{self.id.hex[:2]}/{self.id}"

    def size_within(self, width: float, height: float) -> tuple[int, int]:
        """Width and height in pixels at which the picture fits into these, and is not enlarged."""
        scale = min(width / self.width, height / self.height, 1)
        return max(round(scale * self.width), 1), max(round(scale * self.height), 1)
