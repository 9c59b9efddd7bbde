"""The first page: the form, and under it the result."""

from base64 import b64encode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from classifier.forms.uploads import NOT_KEPT, ExampleForm, UploadForm
from classifier.headers import with_previews
from classifier.services.classification import answer
from classifier.services.ownership import Owner
from classifier.services.serving import known_classes
from classifier.services.submission import classify_once
from classifier.views.requests import owner_of, uploader_of
from classifier.views.uploading import empty_forms, refused_forms
from classifier.visitors import remember_visitor


@with_previews
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def home(request: HttpRequest) -> HttpResponse:
    """Show the form; take an image or an example, classify and keep it, and show the result in the same page.

    A script that sends one file of many gets only what became of it.
    """
    if request.method != "POST":
        return _page(request)
    is_example = "example" in request.POST
    is_anonymous = request.user.is_anonymous
    if is_example:
        sent = ExampleForm(request.POST, is_anonymous=is_anonymous)
    else:
        sent = UploadForm(request.POST, request.FILES, is_anonymous=is_anonymous)
    if not sent.is_valid():
        return _page(request, refused=sent, errors=_texts(sent), status=sent.status)
    result = _result(request, sent.cleaned_data)
    class_names = result["prediction"].model_version.known_classes
    return _page(request, keep=sent.cleaned_data["keep"], class_names=class_names, **result)


def _result(request: HttpRequest, sent: dict) -> dict:
    """What the page shows of an answer, which is kept unless the person wants otherwise."""
    # The form stays until Python looks for circles of objects, which is not soon; its image is not to stay with it.
    image = sent.pop("image")
    if sent["keep"] == NOT_KEPT:
        prediction, thumbnail = answer(image=image, owner=Owner())
        # Nothing is stored that a picture's address could lead to.
        return {"prediction": prediction, "picture": f"data:image/jpeg;base64,{b64encode(thumbnail).decode()}"}
    submission = sent["submission"]
    owner = uploader_of(request, submission=submission)
    prediction = classify_once(image=image, owner=owner, submission=submission, keep_days=sent["keep"])
    if owner.visitor is not None:
        remember_visitor(request, owner.visitor)
    return {"prediction": prediction}


def _page(
    request: HttpRequest,
    *,
    keep: int | None = None,
    refused: UploadForm | ExampleForm | None = None,
    status: int = 200,
    **context,
) -> HttpResponse:
    if request.htmx:
        return render(request, "classifier/_upload_row_result.html", context, status=status)
    is_known = owner_of(request) != Owner()
    if refused is None:
        uploading = empty_forms(request, keep=keep, is_known=is_known)
    else:
        is_anonymous = request.user.is_anonymous
        if isinstance(refused, UploadForm):
            form, examples = refused, ExampleForm(is_anonymous=is_anonymous)
        else:
            form, examples = UploadForm(is_anonymous=is_anonymous), refused
        uploading = refused_forms(request, form=form, examples=examples, is_known=is_known)
    context = {"class_names": context.get("class_names") or known_classes(), "uploading": uploading, **context}
    return render(request, "classifier/home.html", context, status=status)


def _texts(form: UploadForm | ExampleForm) -> list[str]:
    return [text for texts in form.errors.values() for text in texts]
