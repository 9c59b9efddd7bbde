"""What pages need to know of a request: whose it is."""

from django.http import HttpRequest

from classifier.services.ownership import Owner
from classifier.visitors import make_visitor, visitor_of


def owner_of(request: HttpRequest) -> Owner:
    """The person behind a request; an anonymous one who has uploaded nothing owns nothing."""
    if request.user.is_authenticated:
        return Owner(user=request.user)
    return Owner(visitor=visitor_of(request))


def uploader_of(request: HttpRequest) -> Owner:
    """The person behind a request that is about to store something."""
    if request.user.is_authenticated:
        return Owner(user=request.user)
    return Owner(visitor=make_visitor(request))
