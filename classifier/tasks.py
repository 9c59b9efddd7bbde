"""Celery's tasks: a message says that a part of a job waits, and whichever part is next in turn is run."""

import logging
import mmap
import os

from celery import shared_task
from celery.signals import worker_process_init, worker_process_shutdown, worker_shutting_down
from django.db import DatabaseError

from classifier.services.jobs.claims import free_parts_of_dead_workers
from classifier.services.jobs.queues import Queue, task_name
from classifier.services.jobs.running import Unable, work_once
from classifier.services.predictions import decoding

logger = logging.getLogger(__name__)

#: A part takes seconds to minutes. What is done of one that takes longer stays; another process continues it.
_IMAGES_SECONDS = 600

#: Shared with the processes that Celery forks: whether the worker is to end.
_stopping = mmap.mmap(-1, 1)
_parent = os.getpid()


@shared_task(name=task_name(Queue.IMAGES), time_limit=_IMAGES_SECONDS)
def images(part_id: int) -> None:
    _answer(Queue.IMAGES, part_id)


@shared_task(name=task_name(Queue.TRAINING))
def training(part_id: int) -> None:
    _answer(Queue.TRAINING, part_id)


def _answer(queue: Queue, part_id: int) -> None:
    # The part itself may be another's by now. There is a message for each, so one is run for each.
    try:
        if not work_once(queue=queue, is_stopping=_is_stopping):
            logger.debug("The part %d is no longer free.", part_id)
    except (Unable, DatabaseError) as error:
        # Announced again after a while.
        logger.warning("Jobs wait: %s", error)


def _is_stopping() -> bool:
    return bool(_stopping[0]) or _parent not in (os.getppid(), os.getpid())


@worker_shutting_down.connect
def _stop(**_details: object) -> None:
    _stopping[0] = 1


@worker_process_init.connect
def _free_parts(**_details: object) -> None:
    """The process before this one may have been killed."""
    if freed := free_parts_of_dead_workers():
        logger.info("Freed %d parts of lost workers.", freed)


@worker_process_shutdown.connect
def _stop_decoders(**_details: object) -> None:
    decoding.stop()
