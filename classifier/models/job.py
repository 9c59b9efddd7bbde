"""Work that outlives the page: the row is the job."""

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from classifier.models.model_version import ModelVersion
from classifier.models.upload import HAS_ONE_OWNER


class Job(models.Model):
    """A job of a user or an anonymous visitor. Workers claim its parts; `done` and `failed` are sums over these."""

    class Kind(models.TextChoices):
        CLASSIFY = "classify", _("classify an archive")
        RESCORE = "rescore", _("classify again with another model")
        EXPORT = "export", _("export")
        TRAIN = "train", _("train a classifier")
        NETWORK = "network", _("train a network")
        NEIGHBOURS = "neighbours", _("index training images")
        BACKUP = "backup", _("back up the site")
        IMPORT = "import", _("import images of your own classes")

    #: Those that make a file to be downloaded.
    WITH_FILE = (Kind.EXPORT, Kind.BACKUP)
    #: Those that are not about images of their owner, which have no table of results.
    OF_SITE = (Kind.NETWORK, Kind.NEIGHBOURS, Kind.BACKUP)

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        CANCELLED = "cancelled", _("cancelled")
        FINISHED = "finished", _("finished")
        FAILED = "failed", _("failed")

    UNFINISHED = (State.WAITING, State.RUNNING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("owner"),
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="jobs",
        db_index=False,
    )
    visitor = models.UUIDField(_("anonymous visitor"), null=True, blank=True)
    name = models.CharField(_("name"), max_length=255, blank=True, help_text=_("Of the archive, or of the model."))
    parameters = models.JSONField(_("parameters"), default=dict, blank=True)
    #: All of a job's predictions are one version's, whichever is active when a part runs.
    model_version = models.ForeignKey(
        ModelVersion, verbose_name=_("model"), null=True, blank=True, on_delete=models.PROTECT, related_name="jobs"
    )
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)
    total = models.PositiveIntegerField(_("files"), null=True, blank=True, help_text=_("Unknown until it is planned."))
    settled_before = models.PositiveIntegerField(
        _("files done before the last start"), default=0, help_text=_("The rate counts later ones alone.")
    )
    error_code = models.CharField(_("error"), max_length=40, blank=True)
    error_values = models.JSONField(default=dict, blank=True)
    file = models.FileField(_("archive"), max_length=200, blank=True)
    result = models.FileField(_("result"), max_length=200, blank=True)
    file_bytes = models.PositiveBigIntegerField(_("size of the archive"), default=0)
    result_bytes = models.PositiveBigIntegerField(_("size of the result"), default=0)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    heartbeat_at = models.DateTimeField(_("last sign of life"), null=True, blank=True)

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        ordering = ["-created_at", "-id"]
        constraints = [models.CheckConstraint(condition=HAS_ONE_OWNER, name="job_has_one_owner")]
        indexes = [
            models.Index(fields=["owner", "-created_at"], name="job_owner_created"),
            models.Index(fields=["visitor", "-created_at"], name="job_visitor_created"),
            models.Index(fields=["state", "heartbeat_at"], name="job_state_heartbeat"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.name}".strip()

    @property
    def is_unfinished(self) -> bool:
        return self.state in self.UNFINISHED

    @property
    def files_until(self) -> datetime | None:
        """When its files are deleted; None while it runs."""
        return self.ended_at and self.ended_at + timedelta(hours=settings.JOB_FILES_HOURS)


class JobPart(models.Model):
    """Some files of a job, which one worker claims at a time. Part 0 plans the others.

    claim: the key of the current claim; a worker with another key has lost the part. announced_at: when workers were
    last told of it; a message may be lost. tried: a lost worker may have left stored files of it without rows.
    """

    job = models.ForeignKey(Job, verbose_name=_("job"), on_delete=models.CASCADE, related_name="parts", db_index=False)
    number = models.PositiveIntegerField(_("number"))
    claim = models.UUIDField(_("claim"), null=True, blank=True)
    claimed_by = models.CharField(_("claimed by"), max_length=200, blank=True)
    lease_until = models.DateTimeField(_("lease until"), null=True, blank=True)
    # A worker of the version before knows no such column.
    announced_at = models.DateTimeField(_("announced at"), default=timezone.now, db_default=Now())
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0, help_text=_("Those whose worker was lost."))
    # True for a worker of the version before, which knows no such column.
    tried = models.BooleanField(_("tried"), default=False, db_default=True)
    done = models.PositiveIntegerField(_("done"), default=0)
    failed = models.PositiveIntegerField(_("failed"), default=0)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    class Meta:
        verbose_name = _("part of a job")
        verbose_name_plural = _("parts of jobs")
        ordering = ["job", "number"]
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="job_part_once")]
        indexes = [
            models.Index(
                fields=["job", "number"],
                condition=models.Q(finished_at__isnull=True),
                name="job_part_unfinished",
            )
        ]

    def __str__(self) -> str:
        return f"{self.job_id} {self.number}"


class JobItem(models.Model):
    """One file of a job, or one upload: what became of it.

    reference: what the kind of job finds it by. prediction: what it produced; None for an error, or once deleted.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    job = models.ForeignKey(Job, verbose_name=_("job"), on_delete=models.CASCADE, related_name="items", db_index=False)
    part = models.ForeignKey(JobPart, verbose_name=_("part"), on_delete=models.CASCADE, related_name="items")
    number = models.PositiveIntegerField(_("number"))
    name = models.CharField(_("name"), max_length=1000)
    reference = models.CharField(_("reference"), max_length=64, blank=True)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.WAITING)
    prediction = models.ForeignKey(
        "classifier.Prediction",
        verbose_name=_("prediction"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    error_code = models.CharField(_("error"), max_length=40, blank=True)
    error_values = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = _("file of a job")
        verbose_name_plural = _("files of jobs")
        ordering = ["job", "number"]
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="job_item_once")]
        indexes = [models.Index(fields=["job", "state", "number"], name="job_item_state")]

    def __str__(self) -> str:
        return self.name
