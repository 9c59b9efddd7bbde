"""The site's limits as Django REST framework asks for them.

The settings name this class, so nothing here may import rest_framework.views.
"""

from rest_framework.exceptions import ErrorDetail, Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from classifier.services.people.ownership import Owner
from classifier.services.people.throttling import Refusal, Throttle, advise, explain_refusal, take
from classifier.web.clients import address_of


class ApiThrottle(BaseThrottle):
    """Every request counts as one; the images that a view says it brings, by `images_in(request)`, count too.

    What they cost is charged by web.throttled.ThrottleMiddleware.
    """

    refused: Refusal | None = None

    def allow_request(self, request: Request, view: object) -> bool:
        self.refused = _take(request, Throttle.API)
        if self.refused is None and request.method == "POST" and hasattr(view, "images_in"):
            self.refused = _take(request, Throttle.CLASSIFY, view.images_in(request)) or _take(
                request, Throttle.WORK, 0
            )
        if self.refused is not None:
            # DRF's own words are others than the pages', and name no reason.
            raise TooMany(self.refused)
        return True


class TooMany(Throttled):
    """The status 429 with Retry-After."""

    def __init__(self, refused: Refusal) -> None:
        super().__init__(wait=refused.seconds)
        self.detail = ErrorDetail(" ".join([explain_refusal(refused), *advise(refused)]), self.default_code)


def refuse_stranger(request: Request) -> TooMany | None:
    """Count a request that nobody is known to have sent, which is refused before DRF asks about limits."""
    refused = take(throttle=Throttle.API, owner=None, address=address_of(request))
    return None if refused is None else TooMany(refused)


def _take(request: Request, throttle: Throttle, cost: int = 1) -> Refusal | None:
    owner = Owner(user=request.user) if request.user and request.user.is_authenticated else None
    return take(throttle=throttle, owner=owner, address=address_of(request), cost=cost)
