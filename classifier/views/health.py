"""Health checks: is the process alive, can it serve predictions?"""

import logging

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from classifier.services.models.serving import NoModel, active_model
from classifier.services.operations.readiness import storage_state

logger = logging.getLogger(__name__)


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Alive: the process answers."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Ready: database, storage and the active model answer; 503 with what is wrong otherwise."""
    checks = {"database": "ok", "storage": storage_state(), "model": "ok"}
    ready = checks["storage"] == "ok"
    try:
        connection.ensure_connection()
        checks["model"] = str(active_model().version)
    except DatabaseError as error:
        logger.error("Not ready: %s", error)
        checks |= {"database": "unreachable", "model": "unknown"}
        ready = False
    except NoModel as error:
        logger.error("Not ready: %s", error)
        checks["model"], ready = "missing", False
    return JsonResponse({"status": "ok" if ready else "unavailable", **checks}, status=200 if ready else 503)
