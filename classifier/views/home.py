"""The home page with the upload form."""

from base64 import b64encode
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from classifier.forms.uploads import ExampleForm, UploadForm
from classifier.models import Retention
from classifier.services.models.serving import known_classes
from classifier.services.people.ownership import Owner
from classifier.services.predictions.submission import submit, submit_without_storing
from classifier.services.predictions.verdict import assess
from classifier.web.headers import with_previews
from classifier.web.requests import PageRequest, owner_of, uploader_of
from classifier.web.visitors import remember_visitor
from ml.images.errors import ImageError

_YEAR = 365 * 24 * 60 * 60
#: The cookie of how long the next upload is kept, as it was chosen for the last one.
KEEP_COOKIE = "keep"


@with_previews
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def home(request: PageRequest) -> HttpResponse:
    """Show the form; take an image or an example, classify it, and lead to the page of the result.

    A script that sends one file of many gets only what became of it.
    """
    if request.method != "POST":
        return _page(request, is_known=owner_of(request) != Owner())
    is_anonymous = request.user.is_anonymous
    sent: UploadForm | ExampleForm
    if "example" in request.POST:
        sent = ExampleForm(request.POST, is_anonymous=is_anonymous)
    else:
        sent = UploadForm(request.POST, request.FILES, is_anonymous=is_anonymous, owner=owner_of(request))
    if not sent.is_valid():
        return _refusal(request, sent)
    try:
        response = _classify(request, sent.cleaned_data)
    except ImageError as error:
        sent.refuse(error)
        return _refusal(request, sent)
    _remember(request, response, sent.cleaned_data["keep"])
    return response


def _classify(request: PageRequest, sent: dict) -> HttpResponse:
    """Classify what was sent, and store it unless the person wants otherwise. Raises ImageError."""
    version = sent.get("classifier")
    if sent["keep"] == Retention.NOT_STORED:
        prediction, thumbnail = submit_without_storing(file=sent["image"], version=version)
        # Nothing is stored that an address could lead to: this answer is all there is of it.
        picture = f"data:image/jpeg;base64,{b64encode(thumbnail).decode()}"
        template = "classifier/_upload_row_result.html" if request.htmx else "classifier/detail.html"
        context = {"prediction": prediction, "picture": picture, "assessment": assess(prediction=prediction)}
        return render(request, template, context)
    submission = sent["submission"]
    owner = uploader_of(request, submission=submission)
    prediction = submit(file=sent["image"], owner=owner, submission=submission, keep=sent["keep"], version=version)
    if owner.visitor is not None:
        remember_visitor(request, owner.visitor)
    if request.htmx:
        return render(request, "classifier/_upload_row_result.html", {"prediction": prediction})
    return redirect("prediction", prediction.pk)


def _remember(request: HttpRequest, response: HttpResponse, keep: Retention) -> None:
    if keep == _remembered(request):
        return
    if keep == Retention.UNTIL_DELETED:
        response.delete_cookie(KEEP_COOKIE, samesite="Lax")
    else:
        response.set_cookie(
            KEEP_COOKIE, keep.value, _YEAR, secure=settings.SESSION_COOKIE_SECURE, httponly=True, samesite="Lax"
        )


def _remembered(request: HttpRequest) -> Retention:
    """Return the choice made for the last upload, or the default if the cookie holds no valid one."""
    value = request.COOKIES.get(KEEP_COOKIE, "")
    return Retention(value) if value in Retention.values else Retention.UNTIL_DELETED


def _page(request: PageRequest, *, is_known: bool, sent: UploadForm | ExampleForm | None = None) -> HttpResponse:
    """The page with empty forms; one that was sent and refused says what is wrong with it, as does the status."""
    initial = {"keep": _remembered(request), "classifier": request.GET.get("classifier", "")}
    empty: Any = {"initial": initial, "is_anonymous": request.user.is_anonymous}
    context = {
        "class_names": known_classes(),
        "form": sent if isinstance(sent, UploadForm) else UploadForm(**empty, owner=owner_of(request)),
        "examples": sent if isinstance(sent, ExampleForm) else ExampleForm(**empty),
        "is_known": is_known,
    }
    return render(request, "classifier/home.html", context, status=sent.status if sent else 200)


def _refusal(request: PageRequest, sent: UploadForm | ExampleForm) -> HttpResponse:
    """The page once more with what is wrong, or that alone for a script."""
    if not request.htmx:
        return _page(request, is_known=owner_of(request) != Owner(), sent=sent)
    context = {"errors": [text for texts in sent.errors.values() for text in texts]}
    return render(request, "classifier/_upload_row_result.html", context, status=sent.status)
