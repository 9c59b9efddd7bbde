"""Validate what an API request sends, in its address and in its body."""

from typing import TypeVar

from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.serializers import Serializer

from classifier.services.people.ownership import Owner
from classifier.web.requests import owner_of

Sent = TypeVar("Sent", bound=Serializer)

#: The form of a page in a browser may have it, and Django looks at it.
_CSRF_FIELD = "csrfmiddlewaretoken"
#: Of these a request names one, so a form that has either overrides both in the address.
_ONE_OF = ("model", "classifier")


def valid(serializer: type[Sent], data: object, *, owner: Owner | None = None) -> Sent:
    """Return the validated body. owner: whose classifiers it may name. Raises ValidationError."""
    # A null body is treated as an empty one.
    sent = serializer(data={} if data is None else data, context={"owner": owner or Owner()})
    sent.is_valid(raise_exception=True)
    return sent


def valid_query(serializer: type[Sent], request: Request) -> Sent:
    """Return the validated query parameters. Raises ValidationError."""
    return valid(serializer, _once(request.query_params), owner=owner_of(request))


def valid_form(serializer: type[Sent], request: Request, *, address: type[Serializer], several: str = "") -> Sent:
    """Return the validated form fields, which override query parameters. Raises ValidationError.

    address: what may stand there. several: the field that may come more than once.
    """
    valid_query(address, request)
    # Without a body there is no form either.
    form = MultiValueDict(request.data)
    form.pop(_CSRF_FIELD, None)
    query = request.query_params.dict()
    if any(name in form for name in _ONE_OF):
        query = {name: value for name, value in query.items() if name not in _ONE_OF}
    lists = {several: form.pop(several)} if several in form else {}
    return valid(serializer, query | _once(form) | lists, owner=owner_of(request))


def _once(sent: MultiValueDict) -> dict[str, object]:
    """Each name with its value. Raises ValidationError where one has two: only one of them could be heeded."""
    repeated = [name for name, values in sent.lists() if len(values) > 1]
    if repeated:
        raise ValidationError(
            dict.fromkeys(repeated, _("This field was sent more than once. Send it once.")), "repeated"
        )
    return sent.dict()
