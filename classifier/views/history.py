"""The history: the list, one result with its details, and deletion."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from classifier.forms.history import SearchForm, SelectionForm, asked_for
from classifier.models import Prediction
from classifier.services.classifiers.answering import other_versions
from classifier.services.history.deletion import delete_everything, delete_prediction, delete_predictions
from classifier.services.history.pagination import BadCursor, page_of
from classifier.services.history.several import beside, neighbours_of, other_predictions
from classifier.services.people.ownership import Owner, learnt_classes_of, predictions_of
from classifier.services.predictions.verdict import assess
from classifier.views.export import zip_response
from classifier.web.requests import own_prediction, owner_of


@never_cache
@require_safe
def history(request: HttpRequest) -> HttpResponse:
    """The person's predictions that the search in the address asks for, a page at a time."""
    if (asked := asked_for(request.GET)) != request.GET:
        return redirect(f"{request.path}?{asked.urlencode()}" if asked else request.path)
    form = SearchForm(request.GET, owner=owner_of(request))
    search = form.search()
    try:
        page = page_of(
            search.of(owner_of(request)),
            size=settings.HISTORY_PAGE_SIZE,
            order=search.row_order,
            after=request.GET.get("after", ""),
            before=request.GET.get("before", ""),
        )
    except BadCursor as error:
        raise Http404 from error
    context = {"page": page, "form": form, "as_list": request.GET.get("view") == "list"}
    context["shown"] = beside(page.items)
    return render(request, "classifier/history.html", context)


@never_cache
@require_POST
def selected(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """Act on the selected predictions: download them, or delete them after confirmation."""
    form = SelectionForm(request.POST)
    if not form.is_valid():
        messages.warning(request, _("Nothing was selected. Select at least one image."))
        return redirect("history")
    predictions = predictions_of(owner_of(request)).filter(pk__in=form.cleaned_data["predictions"])
    if form.cleaned_data["action"] == "download":
        return zip_response(predictions)
    if form.cleaned_data["action"] == "ask":
        return render(request, "classifier/delete_selected.html", {"predictions": predictions})
    _say_deleted(request, delete_predictions(predictions=predictions))
    return redirect("history")


@never_cache
@require_safe
def detail(request: HttpRequest, prediction_id: UUID) -> HttpResponse:
    """One prediction: the answer, how far it can be relied on, and how it came about."""
    prediction, owner = own_prediction(request, prediction_id), owner_of(request)
    newer, older = neighbours_of(prediction, owner)
    context = {
        "newer": newer,
        "older": older,
        "assessment": assess(prediction=prediction),
        "prediction": prediction,
        "others": other_predictions(prediction),
        "models": other_models(prediction, owner),
        "learnt_classes": learnt_classes_of(owner),
    }
    return render(request, "classifier/detail.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, prediction_id: UUID) -> HttpResponse:
    """Ask, then delete one prediction with its upload."""
    prediction = own_prediction(request, prediction_id)
    if request.method != "POST":
        return render(request, "classifier/delete.html", {"prediction": prediction})
    delete_prediction(prediction=prediction)
    messages.success(request, _("The image and its result were deleted."))
    return redirect("history")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def delete_all(request: HttpRequest) -> HttpResponse:
    """Ask, then delete everything the person has uploaded."""
    if request.method != "POST":
        return render(request, "classifier/delete_all.html")
    _say_deleted(request, delete_everything(owner=owner_of(request)))
    return redirect("history")


def other_models(prediction: Prediction, owner: Owner) -> list[tuple[str, str]]:
    """Values and labels of the models that may classify the image as well; the site's beside a classifier's answer."""
    own = [(str(version.classifier_id), str(version)) for version in other_versions(prediction, owner)]
    site = [("", _("The site’s model"))] if prediction.model_version.classifier_id is not None else []
    return [*own, *site]


def _say_deleted(request: HttpRequest, count: int) -> None:
    messages.success(
        request, ngettext("%(count)d image was deleted.", "%(count)d images were deleted.", count) % {"count": count}
    )
