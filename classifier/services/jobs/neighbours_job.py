"""The job that indexes a model's training images, so that the site can show similar ones."""

import logging
from collections.abc import Callable, Generator
from pathlib import Path

from classifier.models import Job, JobItem
from classifier.services.jobs.failures import NeighboursFailed
from classifier.services.jobs.results import Planned, Result
from classifier.services.models.neighbour_index import build_index
from classifier.services.models.publishing import verified_folder
from ml.artifacts.folder import ArtifactError
from ml.data.dataset import DatasetError

logger = logging.getLogger(__name__)

PARAMETERS = frozenset({"data_dir"})


class _Over(Exception):
    """The lease was lost, or the worker is to stop."""


def plan(job: Job, last: JobItem | None) -> Generator[Planned]:
    if last is None:
        yield Planned(job.name)


def run(job: Job, items: list[JobItem], is_over: Callable[[], bool]) -> Generator[list[Result]]:
    (item,) = items

    def look(_done: int, _total: int | None) -> None:
        if is_over():
            raise _Over

    if job.model_version is None:
        return
    data_dir = job.parameters.get("data_dir")
    try:
        build_index(
            folder=verified_folder(job.model_version),
            data_dir=Path(data_dir) if data_dir else None,
            progress=lambda: look,
            warn=logger.warning,
        )
    except _Over:
        return
    except (ArtifactError, DatasetError) as error:
        raise NeighboursFailed(reason=str(error)[:500]) from error
    yield [Result(item, store=lambda _owner: None)]
