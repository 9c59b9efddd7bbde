"""Model versions and the runs that trained them."""

import json
from collections.abc import Callable
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.db.models import Field, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from classifier.admin.read_only import ReadOnlyAdmin
from classifier.models import Activation, Epoch, ModelVersion, TrainingRun
from classifier.presentation.charts import training_curves
from classifier.services.models.activation_doubts import activation_doubts
from classifier.services.models.measurements import test_in_words
from classifier.services.models.publishing import (
    ModelInUse,
    NothingBefore,
    activate_version,
    delete_version,
    register_shipped,
    roll_back,
)
from classifier.services.models.verification import verify_version
from classifier.storages.model_folders import own_or_at_hand
from ml.artifacts import folder as artifacts


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "active", "architecture", "accuracy", "parameters", "created_at", "activated_at"]
    list_filter = ["active", "name"]
    actions = ["activate", "verify"]
    readonly_fields = [
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
    fields = [*readonly_fields]

    @admin.display(description=_("architecture"))
    def architecture(self, version: ModelVersion) -> str:
        return version.card["architecture"]

    @admin.display(description=_("test accuracy"))
    def accuracy(self, version: ModelVersion) -> str | None:
        return test_in_words(version.whole_card)

    @admin.display(description=_("parameters"))
    def parameters(self, version: ModelVersion) -> str:
        return f"{version.card['parameter_count']:,}"

    @admin.display(description=_("curves"))
    def curves(self, version: ModelVersion) -> SafeString:
        try:
            return training_curves(artifacts.read_history(own_or_at_hand(version.path, version.digest)))
        except (OSError, ValueError):
            return training_curves([])

    @admin.display(description=_("card"))
    def whole_card(self, version: ModelVersion) -> SafeString:
        return format_html('<pre tabindex="0">{}</pre>', json.dumps(version.card, indent=2, ensure_ascii=False))

    @admin.action(description=_("Activate the selected model"), permissions=["activate"])
    def activate(self, request: HttpRequest, queryset: QuerySet[ModelVersion]) -> HttpResponse | None:
        versions = list(queryset[:2])
        if len(versions) != 1:
            self.message_user(request, _("Select exactly one model to activate."), messages.ERROR)
            return None
        doubts = [] if "confirmed" in request.POST else activation_doubts(versions[0])
        if doubts:
            title = _("Activate %(version)s?") % {"version": versions[0]}
            context = {**self.admin_site.each_context(request), "title": title, "doubts": doubts}
            template = "admin/classifier/modelversion/confirm_activation.html"
            return TemplateResponse(request, template, {**context, "version": versions[0], "opts": self.opts})
        try:
            activate_version(version=versions[0], user=cast(User, request.user))
        except artifacts.ArtifactError as error:
            self.message_user(request, str(error), messages.ERROR)
            return None
        self.message_user(request, _("%(version)s is now active.") % {"version": versions[0]}, messages.SUCCESS)
        return None

    @admin.action(description=_("Verify files and predictions of the selected models"))
    def verify(self, request: HttpRequest, queryset: QuerySet[ModelVersion]) -> None:
        for version in queryset:
            try:
                verify_version(version=version)
            except artifacts.ArtifactError as error:
                self.message_user(request, f"{version}: {error}", messages.ERROR)
            else:
                self.message_user(
                    request,
                    _("%(version)s is unchanged since it was published.") % {"version": version},
                    messages.SUCCESS,
                )

    def get_urls(self) -> list:
        return [
            path("roll-back/", self.admin_site.admin_view(require_POST(self.roll_back)), name="model_roll_back"),
            path("publish/", self.admin_site.admin_view(require_POST(self.publish)), name="model_publish"),
            *super().get_urls(),
        ]

    def roll_back(self, request: HttpRequest) -> HttpResponse:
        """Activate the model that was active before."""
        self._require_change(request)
        try:
            version = roll_back(user=cast(User, request.user))
        except (NothingBefore, artifacts.ArtifactError) as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            self.message_user(request, _("%(version)s is now active.") % {"version": version}, messages.SUCCESS)
        return redirect("admin:classifier_modelversion_changelist")

    def publish(self, request: HttpRequest) -> HttpResponse:
        """Publish the models in the models folder that have no row yet."""
        self._require_change(request)
        try:
            versions = register_shipped()
        except artifacts.ArtifactError as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            names = ", ".join(map(str, versions))
            said = _("Published: %(names)s.") % {"names": names} if versions else _("There are no new models.")
            self.message_user(request, said, messages.SUCCESS)
        return redirect("admin:classifier_modelversion_changelist")

    def has_delete_permission(self, request: HttpRequest, obj: ModelVersion | None = None) -> bool:
        """Keep the active model and every model that has predictions."""
        allowed = admin.ModelAdmin.has_delete_permission(self, request, obj)
        return allowed and (obj is None or not (obj.active or obj.predictions.exists()))

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict | None = None) -> HttpResponse:
        """Keep a model that was used after the page was shown; the database may notice only when it deletes."""
        try:
            return super().delete_view(request, object_id, extra_context)
        except (ModelInUse, IntegrityError) as error:
            reason = (
                str(error)
                if isinstance(error, ModelInUse)
                else _("The model was not deleted: it has just made a prediction.")
            )
            self.message_user(request, reason, messages.ERROR)
            return redirect("admin:classifier_modelversion_changelist")

    def delete_model(self, request: HttpRequest, obj: ModelVersion) -> None:
        delete_version(version=obj)

    def get_deleted_objects(self, objs, request: HttpRequest):
        """Activations are deleted with their model and need no permission."""
        to_delete, counts, needed, protected = super().get_deleted_objects(objs, request)
        return to_delete, counts, needed - {Activation._meta.verbose_name}, protected

    def get_actions(self, request: HttpRequest) -> dict:
        """Models are deleted one at a time, on their own page."""
        return {name: action for name, action in super().get_actions(request).items() if name != "delete_selected"}

    def _require_change(self, request: HttpRequest) -> None:
        if not self.has_activate_permission(request):
            raise PermissionDenied

    def has_activate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("classifier.change_modelversion")


def _rounded(name: str) -> Callable[[Epoch], str]:
    """A column with a rounded figure; all digits would make the table too wide."""

    @admin.display(description=cast(Field, Epoch._meta.get_field(name)).verbose_name)
    def shown(epoch: Epoch) -> str:
        return f"{getattr(epoch, name):.4g}"

    return shown


#: Columns that are functions, which the stubs do not expect here.
_ROUNDED: Any = [
    _rounded(name)
    for name in ("loss", "accuracy", "validation_loss", "validation_accuracy", "learning_rate", "seconds")
]


class EpochInline(admin.TabularInline):
    model = Epoch
    fields = readonly_fields = (
        "number",
        *_ROUNDED,
    )
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj=None) -> bool:
        return False


@admin.register(Activation)
class ActivationAdmin(ReadOnlyAdmin):
    """The history of active models, and who activated them."""

    list_display = ["version", "created_at", "rollback", "user"]
    list_select_related = ["version", "user"]
    fields = readonly_fields = ("version", "created_at", "rollback", "user")


@admin.register(TrainingRun)
class TrainingRunAdmin(ReadOnlyAdmin):
    list_display = ["name", "status", "architecture", "epoch_count", "started_at", "updated_at", "ended_at"]
    list_filter = ["status", "architecture"]
    search_fields = ["name"]
    readonly_fields = [
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
    fields = [*readonly_fields]
    inlines = [EpochInline]

    @admin.display(description=_("curves"))
    def curves(self, run: TrainingRun) -> SafeString:
        return training_curves(cast(list[dict[str, Any]], list(run.epochs.values())))
