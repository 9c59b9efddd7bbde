"""The metrics, for the operator alone."""

import secrets

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from classifier.services.operations.metrics import CONTENT_TYPE, exposition


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Metrics in Prometheus's text format, for METRICS_TOKEN and for superusers; 404 for everybody else."""
    if not (_has_token(request) or request.user.is_superuser):
        raise Http404
    return HttpResponse(exposition(), content_type=CONTENT_TYPE)


def _has_token(request: HttpRequest) -> bool:
    kind, _space, token = request.headers.get("Authorization", "").partition(" ")
    expected = settings.METRICS_TOKEN
    is_it = secrets.compare_digest(token.strip().encode(), expected.encode())
    return bool(expected) and kind.lower() == "bearer" and is_it
