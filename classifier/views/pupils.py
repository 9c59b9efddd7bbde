"""The pupils of a teacher: their work, its export, and the end of it."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from classifier.forms.groups import ConfirmForm, NicknameForm
from classifier.forms.history import SearchForm
from classifier.models import Prediction, Pupil
from classifier.services.classifiers.export import zip_of
from classifier.services.classifiers.overview import with_counts
from classifier.services.groups import ending
from classifier.services.groups.pupils import NicknameTaken, issue_cards, rename_pupil
from classifier.services.groups.work import predictions_of_group
from classifier.services.history.export import safe_folder
from classifier.services.history.pagination import NEWEST_FIRST, BadCursor, Order, Page, page_of
from classifier.services.jobs.failures import JobError, explain_failure
from classifier.services.jobs.submission import submit_pupils_export
from classifier.services.people.ownership import Owner, classifiers_of
from classifier.views.groups import cards_page, own_group


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def pupil(request: HttpRequest, group_id: UUID, pupil_id: UUID) -> HttpResponse:
    """The history and the classifiers of a pupil. POST renames the pupil or shows a new card."""
    found = own_pupil(request, group_id, pupil_id)
    if request.POST.get("action") == "card":
        return cards_page(request, found.group, issue_cards(pupils=Pupil.objects.filter(pk=found.pk)))
    form = NicknameForm(request.POST if request.method == "POST" else None, initial={"nickname": found.nickname})
    if form.is_valid():
        try:
            rename_pupil(pupil=found, nickname=form.cleaned_data["nickname"])
        except NicknameTaken:
            form.add_error("nickname", _("Another pupil of the group has this nickname."))
        else:
            return redirect("group_pupil", found.group_id, found.pk)
    owner = Owner(user=found.user)
    search_form = SearchForm(request.GET, owner=owner)
    search = search_form.search()
    context = {
        "group": found.group,
        "one": found,
        "form": form,
        "search_form": search_form,
        "page": _page(request, search.of(owner), search.row_order),
        "classifiers": with_counts(classifiers_of(owner)),
    }
    return render(request, "classifier/groups/pupil.html", context, status=400 if form.errors else 200)


@never_cache
@require_safe
def work(request: HttpRequest, group_id: UUID) -> HttpResponse:
    """What all pupils of a group have uploaded, or only what they have corrected."""
    found, only_corrected = own_group(request, group_id), "corrected" in request.GET
    predictions = predictions_of_group(found)
    if only_corrected:
        predictions = predictions.filter(was_right__isnull=False)
    context = {"group": found, "page": _page(request, predictions, NEWEST_FIRST), "only_corrected": only_corrected}
    return render(request, "classifier/groups/work.html", context)


@never_cache
@require_POST
def export(request: HttpRequest, group_id: UUID, pupil_id: UUID | None = None) -> HttpResponse:
    """Submit a job that makes a ZIP of one pupil's work, or of everybody's in the group."""
    found = own_group(request, group_id)
    one = own_pupil(request, group_id, pupil_id) if pupil_id else None
    try:
        job = submit_pupils_export(group=found, pupil=one)
    except JobError as error:
        messages.warning(request, explain_failure(error.code, error.values))
        return redirect("group_pupil", found.pk, one.pk) if one else redirect("group", found.pk)
    return redirect("job", job.pk)


@never_cache
@require_safe
def classifier_zip(request: HttpRequest, group_id: UUID, pupil_id: UUID, classifier_id: UUID) -> StreamingHttpResponse:
    """A pupil's classifier, as the pupil can download it."""
    one = own_pupil(request, group_id, pupil_id)
    found = get_object_or_404(classifiers_of(Owner(user=one.user)), pk=classifier_id)
    response = StreamingHttpResponse(zip_of(found), content_type="application/zip")
    name = f"{safe_folder(one.nickname)}-{safe_folder(found.name)}.zip"
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    return response


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, group_id: UUID, pupil_id: UUID) -> HttpResponse:
    """Ask, then delete a pupil with everything."""
    found = own_pupil(request, group_id, pupil_id)
    form = ConfirmForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        ending.delete_pupil(pupil=found)
        messages.success(request, _("%(name)s was deleted.") % {"name": found.nickname})
        return redirect("group", found.group_id)
    pupils = Pupil.objects.filter(pk=found.pk)
    context = {"group": found.group, "one": found, "form": form, "summary": ending.summary_of(pupils)}
    return render(request, "classifier/groups/delete.html", context, status=400 if form.errors else 200)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def delete_group(request: HttpRequest, group_id: UUID) -> HttpResponse:
    """Ask, then delete a group with all its pupils and everything that is theirs."""
    found = own_group(request, group_id)
    form = ConfirmForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        count = ending.delete_group(group=found)
        text = ngettext(
            "“%(name)s” was deleted with %(count)d pupil.", "“%(name)s” was deleted with %(count)d pupils.", count
        )
        messages.success(request, text % {"name": found.name, "count": count})
        return redirect("groups")
    context = {"group": found, "form": form, "summary": ending.summary_of(found.pupils.all())}
    return render(request, "classifier/groups/delete.html", context, status=400 if form.errors else 200)


def own_pupil(request: HttpRequest, group_id: UUID, pupil_id: UUID) -> Pupil:
    """The pupil of the teacher's group. Raises Http404 for everybody else's."""
    pupils = own_group(request, group_id).pupils.select_related("user", "group__teacher")
    return get_object_or_404(pupils, pk=pupil_id)


def _page(request: HttpRequest, predictions, order: Order) -> Page[Prediction]:
    after, before = request.GET.get("after", ""), request.GET.get("before", "")
    try:
        return page_of(predictions, size=settings.HISTORY_PAGE_SIZE, order=order, after=after, before=before)
    except BadCursor as error:
        raise Http404 from error
