"""The job that adds the images of a ZIP archive to a person's classifier: the folder of an image is its class."""

import json
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from functools import partial
from uuid import UUID

from django.core.files.base import ContentFile

from classifier.models import Classifier, Features, Job, JobItem
from classifier.services.classifiers.collection import add_read_image
from classifier.services.classifiers.export import FOLDERS_FILE, OWN_FILES, UNLABELLED
from classifier.services.classifiers.failures import ClassifierError
from classifier.services.classifiers.features import describe_features
from classifier.services.jobs.archive_items import content_of, planned_members
from classifier.services.jobs.archives import Archive
from classifier.services.jobs.failures import CannotAdd, ClassifierGone
from classifier.services.jobs.results import Planned, Result
from classifier.services.jobs.storage import opened_archive
from classifier.services.models.backbone import active_backbone
from classifier.services.predictions.intake import SubmittedImage, read_image
from ml.images.errors import ImageError

PARAMETERS = frozenset({"classifier", "part_size"})


def plan(job: Job, last: JobItem | None) -> Generator[Planned]:
    return planned_members(job, last, OWN_FILES)


def run(job: Job, items: list[JobItem], is_over: Callable[[], bool]) -> Generator[list[Result]]:
    classifier = Classifier.objects.filter(pk=UUID(job.parameters["classifier"])).first()
    if classifier is None:
        raise ClassifierGone
    backbone = active_backbone()
    with opened_archive(job) as file, closing(Archive(file)) as archive:
        names = _names(archive)
        for item in items:
            if is_over():
                return
            try:
                image = read_image(ContentFile(content_of(archive, item), item.name.rpartition("/")[2]))
            except ImageError as error:
                yield [Result(item, error=error)]
                continue
            features = describe_features(decoded=image.decoded, backbone=backbone)
            class_name = class_of(item.name, names)
            store = partial(_store, classifier, image, class_name, features)
            yield [Result(item, store=lambda _owner, store=store: store())]  # type: ignore[misc]


def class_of(path: str, names: dict[str, str] | None = None) -> str:
    """The class of a file in an archive: the folder it is in; "" beside the folders. names: classes of folders whose
    name is another one.
    """
    folder = path.rpartition("/")[0].rpartition("/")[2]
    return "" if folder == UNLABELLED else (names or {}).get(folder, folder)


def _names(archive: Archive) -> dict[str, str]:
    """The classes of folders, as the archive of a classifier says: not every name can be that of a folder."""
    found = [member for member in archive.members if member.name == FOLDERS_FILE]
    # Damaged or another program's: then the folders themselves are the classes.
    with suppress(ImageError, ValueError, OSError):
        content = json.loads(archive.read(found[0].position)) if found else {}
        if isinstance(content, dict):
            return {folder: name for folder, name in content.items() if isinstance(name, str)}
    return {}


def _store(classifier: Classifier, image: SubmittedImage, class_name: str, features: Features) -> None:
    if not Classifier.objects.filter(pk=classifier.pk).exists():
        raise ClassifierGone
    try:
        add_read_image(image=image, classifier=classifier, class_name=class_name, features=features)
    except ClassifierError as error:
        raise CannotAdd(error.code, error.values) from error
