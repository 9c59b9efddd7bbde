"""The queues of a broker, and the kinds of jobs in each."""

from enum import StrEnum

from classifier.models import Job


class Queue(StrEnum):
    IMAGES = "images"
    #: For machines that have what training needs.
    TRAINING = "training"


_OF_TRAINING: frozenset[str] = frozenset({Job.Kind.NETWORK})
KINDS_OF_QUEUE: dict[Queue, frozenset[str]] = {
    Queue.IMAGES: frozenset(Job.Kind.values) - _OF_TRAINING,
    Queue.TRAINING: _OF_TRAINING,
}


def queue_of(job: Job) -> Queue:
    return Queue.TRAINING if job.kind in _OF_TRAINING else Queue.IMAGES


def task_name(queue: Queue) -> str:
    """The name of Celery's task for a message in the queue."""
    return f"jobs.{queue}"
