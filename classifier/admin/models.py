"""Model versions and the runs that trained them."""

import json

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from classifier.admin.read_only import ReadOnlyAdmin
from classifier.charts import training_curves
from classifier.models import Epoch, ModelVersion, TrainingRun
from classifier.services.publishing import activate_version, verified_folder
from ml import artifacts


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "active", "architecture", "accuracy", "parameters", "created_at", "activated_at"]
    list_filter = ["active", "name"]
    actions = ["activate"]
    fields = [
        "name",
        "number",
        "active",
        "accuracy",
        "curves",
        "folder",
        "digest",
        "training_run",
        "created_at",
        "activated_at",
        "whole_card",
    ]
    readonly_fields = fields

    @admin.display(description=_("architecture"))
    def architecture(self, version: ModelVersion) -> str:
        return version.card["architecture"]

    @admin.display(description=_("test accuracy"))
    def accuracy(self, version: ModelVersion) -> str | None:
        return None if version.test_accuracy is None else f"{version.test_accuracy:.2%}"

    @admin.display(description=_("parameters"))
    def parameters(self, version: ModelVersion) -> str:
        return f"{version.card['parameter_count']:,}"

    @admin.display(description=_("curves"))
    def curves(self, version: ModelVersion) -> SafeString:
        try:
            return training_curves(artifacts.read_history(version.path))
        except (OSError, ValueError):
            return training_curves([])

    @admin.display(description=_("card"))
    def whole_card(self, version: ModelVersion) -> SafeString:
        return format_html("<pre>{}</pre>", json.dumps(version.card, indent=2, ensure_ascii=False))

    @admin.action(description=_("Activate the selected model"), permissions=["activate"])
    def activate(self, request: HttpRequest, queryset: QuerySet[ModelVersion]) -> None:
        versions = list(queryset[:2])
        if len(versions) != 1:
            self.message_user(request, _("Select exactly one model to activate."), messages.ERROR)
            return
        try:
            verified_folder(versions[0])
        except artifacts.ArtifactError as error:
            self.message_user(request, str(error), messages.ERROR)
            return
        activate_version(version=versions[0])
        self.message_user(request, _("%(version)s is active now.") % {"version": versions[0]}, messages.SUCCESS)

    def has_activate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("classifier.change_modelversion")


class EpochInline(admin.TabularInline):
    model = Epoch
    fields = readonly_fields = [
        "number",
        "loss",
        "accuracy",
        "validation_loss",
        "validation_accuracy",
        "learning_rate",
        "seconds",
    ]
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj=None) -> bool:
        return False


@admin.register(TrainingRun)
class TrainingRunAdmin(ReadOnlyAdmin):
    list_display = ["name", "status", "architecture", "epoch_count", "started_at", "updated_at", "ended_at"]
    list_filter = ["status", "architecture"]
    search_fields = ["name"]
    fields = [
        "name",
        "status",
        "curves",
        "architecture",
        "recipe",
        "seed",
        "image_limit",
        "epoch_count",
        "progress",
        "machine",
        "process_id",
        "dataset_fingerprint",
        "message",
        "started_at",
        "updated_at",
        "ended_at",
    ]
    readonly_fields = fields
    inlines = [EpochInline]

    @admin.display(description=_("curves"))
    def curves(self, run: TrainingRun) -> SafeString:
        return training_curves(list(run.epochs.values()))
