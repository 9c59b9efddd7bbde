"""Submit a job: store its row and its files for a worker."""

from collections.abc import Iterable
from typing import Any

from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from classifier.models import Classifier, Job, JobPart, ModelVersion, Pupil, PupilGroup, Retention
from classifier.services.classifiers.collection import create_classifier
from classifier.services.classifiers.training import check_trainable
from classifier.services.history.export import safe_folder
from classifier.services.history.search import Search
from classifier.services.jobs import backup_job, export_job, rescore_job
from classifier.services.jobs.archives import Archive
from classifier.services.jobs.bell import announce
from classifier.services.jobs.failures import JobError, NothingToExport, NothingToRescore
from classifier.services.jobs.room import check_bytes, check_count
from classifier.services.jobs.storage import new_name
from classifier.services.models.serving import active_model
from classifier.services.operations.file_deletion import delete_file
from classifier.services.operations.storage import storage_errors
from classifier.services.people.ownership import Owner, hand_over
from classifier.services.predictions.intake import clean_name


def submit_archive(
    *,
    archive: File,
    owner: Owner,
    keep: Retention = Retention.UNTIL_DELETED,
    version: ModelVersion | None = None,
    part_size: int | None = None,
) -> Job:
    """Store a ZIP archive and a job that classifies its files, with the active model by default.

    Raises JobError for what is no archive or is beyond the limits, serving.NoModel, storage.StorageUnavailable.
    """
    check_count(owner)
    check_bytes(owner, archive.size)
    Archive(archive).close()
    archive.seek(0)
    version = version or active_model().version
    parameters = {"keep": keep.value} | ({"part_size": part_size} if part_size else {})
    return _submit_archive(owner, archive, kind=Job.Kind.CLASSIFY, model_version=version, parameters=parameters)


def submit_import(*, archive: File, classifier: Classifier) -> Job:
    """Submit a job that adds the images of a ZIP archive to a classifier; their folders are their classes.

    Raises JobError for what is no archive or is beyond the limits, storage.StorageUnavailable.
    """
    owner = Owner(user=classifier.owner, visitor=classifier.visitor)
    check_count(owner)
    check_bytes(owner, archive.size)
    Archive(archive).close()
    archive.seek(0)
    return _submit_archive(owner, archive, kind=Job.Kind.IMPORT, parameters={"classifier": str(classifier.pk)})


def submit_rescoring(*, owner: Owner, version: ModelVersion, everybody: bool = False) -> Job:
    """Submit a job that classifies the owner's uploads, or everybody's, by another version. Raises JobError."""
    check_count(owner)
    with storage_errors():
        parameters = {"everybody": everybody}
        job = Job(**_whose(owner), model_version=version, parameters=parameters)
        if not rescore_job.uploads_to_rescore(job).exists():
            raise NothingToRescore
        return _submit(owner, kind=Job.Kind.RESCORE, name=str(version), model_version=version, parameters=parameters)


def submit_export(*, owner: Owner, search: Search, ending: str) -> Job:
    """Submit a job that exports the results of a search. ending: csv or zip. Raises JobError."""
    check_count(owner)
    with storage_errors():
        if not search.of(owner).exists():
            raise NothingToExport
        return _submit(
            owner,
            kind=Job.Kind.EXPORT,
            name=f"predictions.{ending}",
            parameters=export_job.as_parameters(search, ending),
        )


def create_with_images(
    *, owner: Owner, name: str, classes: Iterable[str] = (), archive: File | None = None
) -> tuple[Classifier, Job | None]:
    """Create a classifier, and submit a job that adds the images of an archive. Raises ClassifierError, JobError."""
    classifier = create_classifier(owner=owner, name=name, class_names=classes)
    try:
        return classifier, submit_import(archive=archive, classifier=classifier) if archive else None
    except JobError:
        classifier.delete()
        raise


def submit_pupils_export(*, group: PupilGroup, pupil: Pupil | None = None) -> Job:
    """Submit a job of the teacher that exports the images and results of the group's pupils, or of one, as a ZIP with a
    folder for each. Raises JobError.
    """
    owner = Owner(user=group.teacher)
    check_count(owner)
    with storage_errors():
        parameters = export_job.as_parameters(Search(), "zip")
        parameters |= {"group": str(group.pk), "pupil": str(pupil.pk) if pupil else ""}
        if not export_job.pupils_predictions(Job(**_whose(owner), parameters=parameters)).exists():
            raise NothingToExport
        names = [group.name, *([pupil.nickname] if pupil else [])]
        name = f"{'-'.join(map(safe_folder, names))}.zip"
        return _submit(owner, kind=Job.Kind.EXPORT, name=name, parameters=parameters)


def submit_training(*, classifier: Classifier) -> Job:
    """Submit a job that trains a classifier; the one that is unfinished, if there is one. Raises JobError,
    ClassifierError, serving.NoModel.
    """
    owner = Owner(user=classifier.owner, visitor=classifier.visitor)
    check_trainable(classifier)
    with storage_errors(), transaction.atomic():
        # Two people who press the button at once wait for one training.
        Classifier.objects.select_for_update().get(pk=classifier.pk)
        running = trainings_of(classifier).filter(state__in=Job.UNFINISHED).first()
        if running is not None:
            return running
        check_count(owner)
        parameters = {"classifier": str(classifier.pk)}
        return _submit(owner, kind=Job.Kind.TRAIN, name=classifier.name, parameters=parameters)


def trainings_of(classifier: Classifier) -> QuerySet[Job]:
    """The classifier's training jobs, newest first."""
    return Job.objects.filter(kind=Job.Kind.TRAIN, parameters__classifier=str(classifier.pk)).order_by("-created_at")


def submit_network(*, owner: Owner, options: dict[str, Any]) -> Job:
    """Submit a training with these options of `manage.py train`. Raises JobError."""
    check_count(owner)
    with storage_errors():
        name = f"{options['architecture']}-{timezone.localtime():%Y%m%d-%H%M%S}"
        return _submit(owner, kind=Job.Kind.NETWORK, name=name, parameters={**options, "name": name})


def submit_neighbours(*, owner: Owner, version: ModelVersion, data_dir: str | None = None) -> Job:
    """Submit a job that indexes the version's training images. Raises JobError."""
    check_count(owner)
    with storage_errors():
        return _submit(
            owner, kind=Job.Kind.NEIGHBOURS, name=str(version), model_version=version, parameters={"data_dir": data_dir}
        )


def submit_backup(*, owner: Owner) -> Job:
    """Submit a backup of the site, whose file superusers alone may download. Raises JobError."""
    check_count(owner)
    with storage_errors():
        name = f"site-{timezone.localtime():%Y-%m-%d-%H%M}.{backup_job.ENDING}"
        return _submit(owner, kind=Job.Kind.BACKUP, name=name)


def _submit_archive(owner: Owner, archive: File, **fields: Any) -> Job:
    with storage_errors():
        name = default_storage.save(new_name("zip"), archive)
        try:
            return _submit(owner, name=clean_name(archive.name or ""), file=name, file_bytes=archive.size, **fields)
        except BaseException:
            delete_file(name)
            raise


def _submit(owner: Owner, **fields: Any) -> Job:
    with transaction.atomic():
        job = Job.objects.create(**_whose(owner), **fields)
        announce(JobPart.objects.create(job=job, number=0))
    if owner.visitor:
        hand_over(visitor=owner.visitor)
    return job


def _whose(owner: Owner) -> dict[str, Any]:
    return {"owner_id": owner.user.pk if owner.user else None, "visitor": owner.visitor}
