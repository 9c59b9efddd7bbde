"""Tell Celery's workers that a part of a job waits. The rows are the truth: no message is ever needed, or harmful."""

import logging
import time
from functools import partial

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from classifier.models import JobPart
from classifier.services.jobs.queues import Queue, queue_of, task_name

logger = logging.getLogger(__name__)

#: A broker that does not answer is left alone for so long: nobody who submits a job waits for it twice.
_LEFT_ALONE_SECONDS = 5.0
#: RabbitMQ confirms a message within this time, or it counts as not sent.
_CONFIRM_SECONDS = 5.0

_left_alone_until = 0.0


def announce(part: JobPart) -> None:
    """Send a message when the transaction is committed, if there is a broker.

    It carries the part's key. Nothing is lost if the broker is down: `attendance.announce_again`.
    """
    if settings.CELERY_BROKER_URL:
        transaction.on_commit(partial(_send, queue_of(part.job), part.pk))


def _send(queue: Queue, part_id: int) -> None:
    global _left_alone_until
    if time.monotonic() < _left_alone_until:
        return
    # Loaded only where there is a broker.
    from kombu.exceptions import KombuError, OperationalError

    app = import_string(settings.JOB_BROKER_APP)
    try:
        app.send_task(task_name(queue), args=[part_id], queue=queue.value, confirm_timeout=_CONFIRM_SECONDS)
    except (KombuError, OperationalError, OSError) as error:
        _left_alone_until = time.monotonic() + _LEFT_ALONE_SECONDS
        logger.warning("The broker is unavailable; waiting parts are announced again later: %s", error)
