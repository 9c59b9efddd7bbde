"""Jobs: submit one, see how far it is, cancel, resume and retry it, and download what came of it."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe
from django_htmx.http import HttpResponseClientRedirect

from classifier.forms.data_sets import data_dir_of
from classifier.forms.jobs import FORMS, ActionForm, ArchiveForm, ExportForm, RescoreForm
from classifier.models import Job
from classifier.services.jobs.control import cancel, discard_files, resume, retry_failed
from classifier.services.jobs.failures import JobError, explain_failure
from classifier.services.jobs.network_job import training_run_of
from classifier.services.jobs.progress import (
    failed_items,
    is_stuck,
    jobs_of,
    latest_predictions,
    progress_of,
    progress_of_each,
)
from classifier.services.jobs.submission import (
    submit_archive,
    submit_backup,
    submit_export,
    submit_neighbours,
    submit_rescoring,
)
from classifier.services.jobs.tables import LAYOUTS
from classifier.services.models.training import outlook
from classifier.services.people.ownership import Owner
from classifier.web.job_responses import errors_response, file_response, images_response, table_response
from classifier.web.requests import PageRequest, owner_of, uploader_of
from classifier.web.visitors import remember_visitor

JOBS_SHOWN = 100
ERRORS_SHOWN = 200
RESULTS_SHOWN = 24
#: Staff with it may have everybody's images classified again.
_EVERYBODYS = "classifier.view_upload"
#: And with this one, training images indexed.
_MODELS = "classifier.change_modelversion"


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def jobs(request: PageRequest) -> HttpResponse:
    """The person's jobs, and the forms that submit one."""
    if request.method != "POST":
        return _list(request, _forms(request))
    kind = request.POST.get("kind", "")
    if kind not in FORMS:
        return _list(request, _forms(request), status=400)
    if not _may_submit(request, kind):
        raise PermissionDenied
    form = _form(request, kind, request.POST, request.FILES)
    if form.is_valid():
        owner = uploader_of(request, submission=None) if kind == Job.Kind.CLASSIFY else owner_of(request)
        try:
            job = _SUBMIT[kind](owner, form.cleaned_data)
        except JobError as error:
            form.refuse(error)
        else:
            if owner.visitor is not None:
                remember_visitor(request, owner.visitor)
            page = reverse("job", args=[job.pk])
            return HttpResponseClientRedirect(page) if request.htmx else redirect(page)
    if request.htmx:
        # A script that sends files from another page shows the reason there.
        context = {"errors": [text for texts in form.errors.values() for text in texts]}
        return render(request, "classifier/_upload_row_result.html", context, status=400)
    return _list(request, _forms(request) | {kind: form}, status=400)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def job(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """One job; its page asks for `progress` again and again while it runs. POST cancels, resumes or retries it."""
    found = _own_job(request, job_id)
    if request.method != "POST":
        return render(request, "classifier/job.html", _context(request, found))
    form = ActionForm(request.POST)
    if form.is_valid():
        try:
            _say(request, form.cleaned_data["action"], found)
        except JobError as error:
            messages.warning(request, explain_failure(error.code, error.values))
    return redirect("job", found.pk)


@never_cache
@require_safe
def progress(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """The part of the page that changes."""
    return render(request, "classifier/_job_progress.html", _context(request, _own_job(request, job_id)))


@never_cache
@require_safe
def as_csv(request: HttpRequest, job_id: UUID) -> StreamingHttpResponse:
    """What became of each file."""
    return table_response(_own_job(request, job_id), owner_of(request))


@never_cache
@require_safe
def errors(request: HttpRequest, job_id: UUID) -> StreamingHttpResponse:
    """Why each of the failed files has failed."""
    return errors_response(_own_job(request, job_id))


@never_cache
@require_safe
def as_zip(request: HttpRequest, job_id: UUID) -> StreamingHttpResponse:
    """The job's images and the table: in folders by class, or with `layout=folders` in those they came in."""
    layout = request.GET.get("layout", LAYOUTS[0])
    found = _own_job(request, job_id)
    if layout not in LAYOUTS:
        raise Http404
    return images_response(found, owner_of(request), layout=layout)


@never_cache
@require_safe
def result(request: HttpRequest, job_id: UUID) -> FileResponse:
    """The file that an export has made."""
    return file_response(_own_job(request, job_id))


def _own_job(request: HttpRequest, job_id: UUID) -> Job:
    return get_object_or_404(jobs_of(owner_of(request)), pk=job_id)


def _submit_archive(owner: Owner, sent: dict[str, Any]) -> Job:
    version = sent.get("classifier")
    return submit_archive(archive=sent["images"], owner=owner, keep=sent["keep"], version=version)


def _submit_export(owner: Owner, sent: dict[str, Any]) -> Job:
    return submit_export(owner=owner, search=sent["search"], ending=sent["format"])


def _submit_rescoring(owner: Owner, sent: dict[str, Any]) -> Job:
    return submit_rescoring(owner=owner, version=sent["model"], everybody=sent.get("everybody", False))


def _submit_neighbours(owner: Owner, sent: dict[str, Any]) -> Job:
    return submit_neighbours(owner=owner, version=sent["model"], data_dir=data_dir_of(sent["dataset"]))


def _submit_backup(owner: Owner, _sent: dict[str, Any]) -> Job:
    return submit_backup(owner=owner)


def _may_submit(request: HttpRequest, kind: str) -> bool:
    if kind == Job.Kind.BACKUP:
        return request.user.is_superuser
    return kind != Job.Kind.NEIGHBOURS or (request.user.is_staff and request.user.has_perm(_MODELS))


_SUBMIT: dict[str, Callable[[Owner, dict[str, Any]], Job]] = {
    Job.Kind.CLASSIFY: _submit_archive,
    Job.Kind.EXPORT: _submit_export,
    Job.Kind.RESCORE: _submit_rescoring,
    Job.Kind.NEIGHBOURS: _submit_neighbours,
    Job.Kind.BACKUP: _submit_backup,
}


def _form(request: HttpRequest, kind: str, *data: Any) -> ArchiveForm | ExportForm | RescoreForm:
    options: dict[str, Any] = {"auto_id": f"id_{kind}_%s", "owner": owner_of(request)}
    if kind == Job.Kind.RESCORE:
        return RescoreForm(*data, may_rescore_all=request.user.has_perm(_EVERYBODYS), **options)
    return FORMS[kind](*data, **options)  # type: ignore[return-value]


def _forms(request: HttpRequest) -> dict[str, Any]:
    return {kind: _form(request, kind) for kind in FORMS if _may_submit(request, kind)}


def _list(request: HttpRequest, forms: dict[str, Any], status: int = 200) -> HttpResponse:
    owner = owner_of(request)
    shown = list(jobs_of(owner)[:JOBS_SHOWN])
    progress = progress_of_each(shown)
    found = [(one, progress[one.pk], is_stuck(one)) for one in shown]
    context = {"jobs": found, "forms": forms, "is_known": owner != Owner(), "file_hours": settings.JOB_FILES_HOURS}
    return render(request, "classifier/jobs.html", context, status=status)


def _context(request: HttpRequest, found: Job) -> dict[str, Any]:
    failed = list(failed_items(found)[: ERRORS_SHOWN + 1])
    run = training_run_of(found)
    return {
        "training_run": run,
        "training_outlook": run and outlook(run, list(run.epochs.order_by("number").values("seconds"))),
        "job": found,
        "progress": progress_of(found),
        "latest": latest_predictions(found, owner_of(request), most=RESULTS_SHOWN),
        "stuck": is_stuck(found),
        "error": explain_failure(found.error_code, found.error_values) if found.error_code else "",
        "failures": [
            (item.name, explain_failure(item.error_code, item.error_values)) for item in failed[:ERRORS_SHOWN]
        ],
        "errors_shown": ERRORS_SHOWN if len(failed) > ERRORS_SHOWN else None,
    }


def _say(request: HttpRequest, action: str, found: Job) -> None:
    """Do it, and say what was done."""
    if action == "cancel":
        if cancel(job=found):
            messages.success(request, _("The job was cancelled. Its results so far are kept."))
    elif action == "resume":
        if resume(job=found):
            messages.success(request, _("The job was resumed."))
    elif action == "discard":
        if discard_files(job=found):
            messages.success(request, _("The files of the job were deleted."))
    elif count := retry_failed(job=found):
        text = ngettext("Retrying %(count)d file.", "Retrying %(count)d files.", count)
        messages.success(request, text % {"count": count})
