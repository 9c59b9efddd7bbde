"""What a person has uploaded: the list, one result with its receipt, and deletion."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from classifier.services.deletion import delete_everything, delete_prediction
from classifier.services.ownership import predictions_of
from classifier.services.pagination import BadCursor, newest_first
from classifier.views.requests import owner_of


@never_cache
@require_safe
def history(request: HttpRequest) -> HttpResponse:
    """The person's predictions, newest first, a page at a time."""
    try:
        page = newest_first(
            predictions_of(owner_of(request)),
            size=settings.HISTORY_PAGE_SIZE,
            older=request.GET.get("older", ""),
            newer=request.GET.get("newer", ""),
        )
    except BadCursor as error:
        raise Http404 from error
    return render(request, "classifier/history.html", {"page": page})


@never_cache
@require_safe
def detail(request: HttpRequest, prediction_id: UUID) -> HttpResponse:
    """One prediction, with the receipt of how it came about."""
    prediction = get_object_or_404(predictions_of(owner_of(request)), pk=prediction_id)
    return render(request, "classifier/detail.html", {"prediction": prediction})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, prediction_id: UUID) -> HttpResponse:
    """Ask, then delete one prediction with its upload."""
    prediction = get_object_or_404(predictions_of(owner_of(request)), pk=prediction_id)
    if request.method != "POST":
        return render(request, "classifier/delete.html", {"prediction": prediction})
    delete_prediction(prediction=prediction)
    messages.success(request, _("The image and its prediction were deleted."))
    return redirect("history")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def delete_all(request: HttpRequest) -> HttpResponse:
    """Ask, then delete everything the person has uploaded."""
    if request.method != "POST":
        return render(request, "classifier/delete_all.html")
    count = delete_everything(owner=owner_of(request))
    messages.success(
        request, ngettext("%(count)d image was deleted.", "%(count)d images were deleted.", count) % {"count": count}
    )
    return redirect("history")
