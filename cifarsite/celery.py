"""Celery, if CELERY_BROKER_URL is set: `celery -A cifarsite worker -Q images` on any number of machines.

A message only says that a part of a job waits (classifier/services/jobs/bell.py). Rows know what is claimed, lost,
cancelled and done, so no result, retry, chord or late acknowledgement of Celery's is used.
"""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cifarsite.settings")

from celery import Celery
from celery.signals import setup_logging
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from kombu import Queue

if not settings.CELERY_BROKER_URL:
    raise ImproperlyConfigured(
        "CELERY_BROKER_URL is not set. Set it to a broker: CELERY_BROKER_URL=redis://host:6379/1"
    )

_is_rabbitmq = settings.CELERY_BROKER_URL.startswith("amqp")
_of_rabbitmq = {"confirm_publish": True, "connect_timeout": 2}
_of_redis = {
    "global_keyprefix": "cifarsite:",
    "visibility_timeout": 3600,
    "socket_keepalive": True,
    "socket_connect_timeout": 2,
    # A message that cannot be sent; a worker waits for the next one for a second at a time.
    "socket_timeout": 10,
}

app = Celery("cifarsite", broker=settings.CELERY_BROKER_URL)
app.conf.update(
    broker_connection_retry_on_startup=True,
    broker_connection_timeout=2,
    broker_transport_options=_of_rabbitmq if _is_rabbitmq else _of_redis,
    result_backend=None,
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    task_queues=[
        # On RabbitMQ a quorum queue, which survives a broker that is restarted or one of three that is lost.
        Queue(name, queue_arguments={"x-queue-type": "quorum"} if _is_rabbitmq else None)
        for name in ("images", "training")
    ],
    task_default_queue="images",
    task_create_missing_queues=False,
    # A lost worker's part is claimed again when its lease expires. A message is never delivered again for it.
    task_acks_late=False,
    # One who submits a job does not wait for a broker that is down.
    task_publish_retry_policy={"max_retries": 1, "interval_start": 0, "interval_step": 0.1},
    # The parent stays in contact with the broker, whatever happens to the child. A part uses all processors.
    worker_pool="prefork",
    worker_concurrency=1,
    worker_prefetch_multiplier=1,
    # Known on Redis alone: a busy worker holds back no message from an idle one.
    worker_disable_prefetch=not _is_rabbitmq,
    worker_max_tasks_per_child=500,
    worker_max_memory_per_child=1_500_000,
    worker_proc_alive_timeout=60,
    worker_soft_shutdown_timeout=30,
    # Jobs are cancelled by their rows.
    worker_enable_remote_control=False,
)
app.autodiscover_tasks(["classifier"])


@setup_logging.connect
def _log_as_the_site_does(**_options: object) -> None:
    """Django's settings have configured the logs; with a receiver, Celery does not."""
