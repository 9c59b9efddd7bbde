"""A teacher's group, its pupils, and their wrong PINs."""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

#: A nickname has no more characters. In small letters, some become three.
LONGEST_NICKNAME = 30


class PupilGroup(models.Model):
    """Pupils join with the code while it is open. Its pupils' accounts belong to the teacher."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Who deletes the account has to decide about the pupils first.
    teacher = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("teacher"), on_delete=models.PROTECT, related_name="pupil_groups"
    )
    name = models.CharField(_("name"), max_length=100)
    code = models.CharField(_("code"), max_length=8, unique=True, editable=False)
    open_until = models.DateTimeField(_("open until"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("group of pupils")
        verbose_name_plural = _("groups of pupils")
        ordering = ["-created_at", "-id"]
        permissions = [("teach", _("Can teach groups of pupils"))]

    def __str__(self) -> str:
        return self.name

    @property
    def is_open(self) -> bool:
        return self.open_until is not None and self.open_until > timezone.now()

    @property
    def shown_code(self) -> str:
        """The code in two halves, which are easier to read out."""
        return f"{self.code[:4]}-{self.code[4:]}"


class Pupil(models.Model):
    """The account of a pupil: without a password, with a PIN and a link, both hashed.

    folded_nickname: without what people get wrong when they type it, see services/groups/names.py.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, verbose_name=_("account"), on_delete=models.CASCADE, related_name="pupil"
    )
    group = models.ForeignKey(
        PupilGroup, verbose_name=_("group of pupils"), on_delete=models.PROTECT, related_name="pupils", db_index=False
    )
    nickname = models.CharField(_("nickname"), max_length=LONGEST_NICKNAME)
    folded_nickname = models.CharField(max_length=3 * LONGEST_NICKNAME, editable=False)
    pin = models.CharField(_("PIN"), max_length=128, editable=False)
    link_digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("pupil")
        verbose_name_plural = _("pupils")
        ordering = ["folded_nickname"]
        constraints = [models.UniqueConstraint(fields=["group", "folded_nickname"], name="pupil_nickname_once")]

    def __str__(self) -> str:
        return self.nickname


class PinFailures(models.Model):
    """Recent wrong PINs for a nickname of a group, whether there is such a pupil or not. since: the first of them."""

    group = models.ForeignKey(
        PupilGroup,
        verbose_name=_("group of pupils"),
        on_delete=models.CASCADE,
        related_name="pin_failures",
        db_index=False,
    )
    folded_nickname = models.CharField(max_length=3 * LONGEST_NICKNAME)
    failures = models.PositiveIntegerField(_("failures"), default=0)
    since = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("wrong PINs")
        verbose_name_plural = _("wrong PINs")
        constraints = [models.UniqueConstraint(fields=["group", "folded_nickname"], name="pin_failures_once")]

    def __str__(self) -> str:
        return f"{self.folded_nickname}: {self.failures}"
