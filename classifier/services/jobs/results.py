"""The results that a job's code reports for its files."""

from collections.abc import Callable
from dataclasses import dataclass

from classifier.models import JobItem, Prediction
from classifier.services.people.ownership import Owner
from ml.images.errors import ImageError


@dataclass(frozen=True)
class Planned:
    """A file of a job. reference: its key for this kind of job."""

    name: str
    reference: str = ""


@dataclass(frozen=True)
class Result:
    """The outcome of a file. store: stores what it produced for the job's owner, within the transaction that says so.

    `store` may raise ImageError: then the file has failed.
    """

    item: JobItem
    store: Callable[[Owner], Prediction | None] | None = None
    error: ImageError | None = None
