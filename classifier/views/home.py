"""The first page: the form, and under it the result."""

import logging

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from classifier.forms import ExampleForm, UploadForm
from classifier.services.ownership import Owner
from classifier.services.serving import NoModel, known_classes
from classifier.services.submission import classify_once
from classifier.views.requests import owner_of, uploader_of

logger = logging.getLogger(__name__)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def home(request: HttpRequest) -> HttpResponse:
    """Show the form; take an image or an example, classify and keep it, and show the result in the same page.

    A script that sends one file of many gets only what became of it.
    """
    form, examples = UploadForm(), ExampleForm()
    if request.method != "POST":
        return _page(request, form, examples)
    if "example" in request.POST:
        sent = examples = ExampleForm(request.POST)
    else:
        sent = form = UploadForm(request.POST, request.FILES)
    if not sent.is_valid():
        return _page(request, form, examples, errors=_texts(sent), status=sent.status)
    image, submission = sent.cleaned_data["image"], sent.cleaned_data["submission"]
    try:
        prediction = classify_once(image=image, owner=uploader_of(request), submission=submission)
    except NoModel as error:
        logger.error("%s", error)
        return _page(request, UploadForm(), ExampleForm(), no_model=True, status=503)
    class_names = prediction.model_version.known_classes
    return _page(request, UploadForm(), ExampleForm(), prediction=prediction, class_names=class_names)


def _page(
    request: HttpRequest, form: UploadForm, examples: ExampleForm, *, status: int = 200, **context
) -> HttpResponse:
    if request.htmx:
        return render(request, "classifier/_upload_row_result.html", context, status=status)
    context = {
        "form": form,
        "examples": examples,
        "class_names": context.get("class_names") or known_classes(),
        "is_known": owner_of(request) != Owner(),
        **context,
    }
    return render(request, "classifier/home.html", context, status=status)


def _texts(form: UploadForm | ExampleForm) -> list[str]:
    return [text for texts in form.errors.values() for text in texts]
