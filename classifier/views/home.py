"""The first page: the form, and under it the result."""

import logging

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from classifier.forms import UploadForm
from classifier.services.classification import classify
from classifier.services.serving import NoModel, known_classes
from classifier.views.requests import uploader_of

logger = logging.getLogger(__name__)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def home(request: HttpRequest) -> HttpResponse:
    """Show the form; take an image, classify and keep it, and show the result in the same page."""
    if request.method != "POST":
        return _page(request, UploadForm())
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, form, status=form.status)
    try:
        prediction = classify(image=form.cleaned_data["image"], owner=uploader_of(request))
    except NoModel as error:
        logger.error("%s", error)
        return _page(request, UploadForm(), no_model=True, status=503)
    class_names = prediction.model_version.known_classes
    return _page(request, UploadForm(), prediction=prediction, class_names=class_names)


def _page(request: HttpRequest, form: UploadForm, *, status: int = 200, **context) -> HttpResponse:
    context = {"form": form, "class_names": context.get("class_names") or known_classes(), **context}
    return render(request, "classifier/home.html", context, status=status)
