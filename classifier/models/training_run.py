"""A run of `manage.py train` and its epochs, written during the run."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class TrainingRun(models.Model):
    class Status(models.TextChoices):
        RUNNING = "running", _("running")
        FINISHED = "finished", _("finished")
        STOPPED = "stopped", _("stopped")
        FAILED = "failed", _("failed")

    name = models.CharField(_("name"), max_length=63, db_index=True)
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.RUNNING)
    architecture = models.CharField(_("architecture"), max_length=63)
    recipe = models.JSONField(_("recipe"))
    seed = models.PositiveIntegerField(_("seed"))
    image_limit = models.PositiveIntegerField(_("training image limit"), null=True, blank=True)
    dataset_fingerprint = models.CharField(_("data-set fingerprint"), max_length=80)
    epoch_count = models.PositiveIntegerField(_("epochs planned"))
    progress = models.JSONField(_("progress"), default=dict, help_text=_("The current batch: epoch, batch, batches."))
    machine = models.CharField(_("machine"), max_length=200)
    process_id = models.PositiveIntegerField(_("process ID"))
    message = models.TextField(_("message"), blank=True)
    started_at = models.DateTimeField(_("started at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("last heartbeat"), auto_now=True)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)

    class Meta:
        verbose_name = _("training run")
        verbose_name_plural = _("training runs")
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return self.name

    @property
    def hardware(self) -> str:
        """The machine without its name, which is nobody's business but the operator's."""
        return self.machine.partition("(")[2].rstrip(")")


class Epoch(models.Model):
    """One ended epoch; losses in nats, as `ml.training.loop.EpochRecord`."""

    run = models.ForeignKey(
        TrainingRun, verbose_name=_("training run"), on_delete=models.CASCADE, related_name="epochs"
    )
    number = models.PositiveIntegerField(_("epoch"))
    loss = models.FloatField(_("loss"))
    accuracy = models.FloatField(_("accuracy"))
    validation_loss = models.FloatField(_("validation loss"))
    validation_accuracy = models.FloatField(_("validation accuracy"))
    learning_rate = models.FloatField(_("learning rate"))
    seconds = models.FloatField(_("seconds"))

    class Meta:
        verbose_name = _("epoch")
        verbose_name_plural = _("epochs")
        ordering = ["run", "number"]
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="epoch_once_a_run")]

    def __str__(self) -> str:
        return f"{self.run} {self.number}"
