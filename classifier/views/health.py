"""Health checks: is the process alive, can it serve predictions?"""

import logging

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from classifier.services.models.serving import NoModel, active_model

logger = logging.getLogger(__name__)


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Alive: the process answers."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Ready: the database is reachable and the active model is loaded and warm; 503 with what is wrong otherwise."""
    checks = {"database": "ok", "model": "ok"}
    status = 200
    try:
        connection.ensure_connection()
        served = active_model()
        checks["model"] = str(served.version)
    except DatabaseError as error:
        logger.error("Not ready: %s", error)
        checks, status = {"database": "unreachable", "model": "unknown"}, 503
    except NoModel as error:
        logger.error("Not ready: %s", error)
        checks["model"], status = "missing", 503
    return JsonResponse({"status": "ok" if status == 200 else "unavailable", **checks}, status=status)
