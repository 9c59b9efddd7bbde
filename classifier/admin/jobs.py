"""Jobs of everybody: the stuck ones first."""

from django.contrib import admin
from django.db.models import Case, QuerySet, Value, When
from django.db.models.expressions import Combinable
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from classifier.admin.read_only import ReadOnlyAdmin
from classifier.models import Job
from classifier.services.jobs.control import cancel
from classifier.services.jobs.failures import explain_failure
from classifier.services.jobs.progress import is_stuck, progress_of, stuck


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "shown_state", "is_stuck", "counts", "owner", "created_at", "heartbeat_at"]
    list_filter = ["kind", "state"]
    list_select_related = ["owner"]
    search_fields = ["name"]
    actions = ["cancel_jobs"]
    readonly_fields = [
        "kind",
        "name",
        "shown_state",
        "is_stuck",
        "counts",
        "error",
        "owner",
        "visitor",
        "model_version",
        "parameters",
        "created_at",
        "started_at",
        "ended_at",
        "heartbeat_at",
    ]
    fields = tuple(readonly_fields)

    def get_ordering(self, request: HttpRequest) -> list[str | Combinable]:
        return [Case(When(stuck(), then=Value(0)), default=Value(1)).asc(), "-created_at", "-id"]

    @admin.display(description=_("state"))
    def shown_state(self, job: Job) -> str:
        return job.get_state_display()

    @admin.display(description=_("stuck"), boolean=True)
    def is_stuck(self, job: Job) -> bool:
        return is_stuck(job)

    @admin.display(description=_("done + failed + not tried = total"))
    def counts(self, job: Job) -> str:
        progress = progress_of(job)
        not_tried, total = ("?" if number is None else number for number in (progress.not_tried, progress.total))
        return f"{progress.done} + {progress.failed} + {not_tried} = {total}"

    @admin.display(description=_("error"))
    def error(self, job: Job) -> str:
        return explain_failure(job.error_code, job.error_values) if job.error_code else ""

    @admin.action(description=_("Cancel the selected jobs"), permissions=["cancel"])
    def cancel_jobs(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        count = sum(cancel(job=job) for job in queryset)
        words = ngettext("%(count)d job was cancelled.", "%(count)d jobs were cancelled.", count)
        self.message_user(request, words % {"count": count})

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("classifier.change_job")
