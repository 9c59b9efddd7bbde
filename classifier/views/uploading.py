"""The part of the first page that images are sent from, rendered once and not for every upload.

It is the same for everyone but for the token and the two numbers of submission, which are put in their places.
"""

from functools import lru_cache
from uuid import UUID, uuid4

from django.conf import settings
from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.urls import get_script_prefix
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from classifier.forms.uploads import ExampleForm, UploadForm
from classifier.templatetags.kept import TOKEN

_TEMPLATE = "classifier/_uploading.html"
#: What stands where the numbers of one request belong.
_UPLOAD, _EXAMPLE = UUID(int=1), UUID(int=2)


def empty_forms(request: HttpRequest, *, keep: int | None, is_known: bool) -> SafeString:
    """The forms with nothing in them but how long to keep."""
    limits = settings.MAX_UPLOAD_MEGABYTES, settings.MAX_IMAGE_MEGAPIXELS, settings.ANONYMOUS_DAYS
    html = _rendered(get_language(), get_script_prefix(), keep, is_known, request.user.is_anonymous, limits)
    for place, value in ((TOKEN, get_token(request)), (str(_UPLOAD), str(uuid4())), (str(_EXAMPLE), str(uuid4()))):
        html = html.replace(place, value)
    # Of the site's own template, which escapes what it is given, and of numbers and a token.
    return SafeString(html)  # nosec B703


def refused_forms(request: HttpRequest, *, form: UploadForm, examples: ExampleForm, is_known: bool) -> SafeString:
    """The forms as they were sent, with what is wrong with them."""
    return render_to_string(_TEMPLATE, {"form": form, "examples": examples, "is_known": is_known}, request)


@lru_cache(maxsize=64)
def _rendered(
    language: str, prefix: str, keep: int | None, is_known: bool, is_anonymous: bool, limits: tuple[int, int, int]
) -> str:
    """The arguments are all that the forms depend on, though not all of them are used here."""
    context = {
        "form": UploadForm(initial={"keep": keep, "submission": _UPLOAD}, is_anonymous=is_anonymous),
        "examples": ExampleForm(initial={"keep": keep, "submission": _EXAMPLE}, is_anonymous=is_anonymous),
        "is_known": is_known,
        "csrf_token": TOKEN,
    }
    return render_to_string(_TEMPLATE, context)
