"""The job that trains a person's classifier on the features of its images: seconds."""

from collections.abc import Callable, Generator
from uuid import UUID

from classifier.models import Classifier, Job, JobItem
from classifier.services.classifiers.failures import ClassifierError
from classifier.services.classifiers.training import Trained, store_trained, train
from classifier.services.jobs.failures import CannotTrain, ClassifierGone
from classifier.services.jobs.results import Planned, Result

PARAMETERS = frozenset({"classifier", "version"})


def plan(job: Job, last: JobItem | None) -> Generator[Planned]:
    if last is None:
        yield Planned(job.name)


def run(job: Job, items: list[JobItem], is_over: Callable[[], bool]) -> Generator[list[Result]]:
    (item,) = items
    classifier = Classifier.objects.filter(pk=UUID(job.parameters["classifier"])).first()
    if classifier is None:
        raise ClassifierGone
    try:
        trained = train(classifier=classifier, is_over=is_over)
    except ClassifierError as error:
        raise CannotTrain from error
    if trained is not None:
        yield [Result(item, store=lambda _owner: _store(job, classifier, trained))]


def _store(job: Job, classifier: Classifier, trained: Trained) -> None:
    try:
        version = store_trained(classifier=classifier, trained=trained)
    except Classifier.DoesNotExist as error:
        raise ClassifierGone from error
    Job.objects.filter(pk=job.pk).update(parameters=job.parameters | {"version": version.number})
