"""Create classifiers and their classes, add images, label, move and remove them; all within limits."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.core.files import File
from django.db import IntegrityError, transaction
from django.db.models import Max, QuerySet, Sum
from django.utils import timezone

from classifier.models import Classifier, Example, Features, LearntClass, ModelVersion, Prediction, Upload
from classifier.models.upload import folded
from classifier.services.classifiers.failures import (
    BadClassName,
    ClassTaken,
    TooManyClasses,
    TooManyClassifiers,
    TooManyExamples,
    TooManyMegabytes,
)
from classifier.services.classifiers.features import (
    add_missing_features,
    describe_features,
    signature_of,
)
from classifier.services.history.deletion import delete_classifiers, delete_uploads
from classifier.services.models.backbone import active_backbone
from classifier.services.people.ownership import Owner, belongs_to, hand_over
from classifier.services.predictions.classification import describe_upload, store_upload
from classifier.services.predictions.intake import MEGABYTE, SubmittedImage, read_image
from classifier.services.predictions.working_copies import copy_if_expensive
from ml.classes import fault_of
from ml.data.duplicates import copies_of
from ml.heads.splits import is_held_out
from ml.images import preprocessing

MOST_CLASSES = 50


@dataclass(frozen=True)
class Added:
    """An example. is_new: whether it was not there before. other_class: of the image that was there, if it has one."""

    example: Example
    is_new: bool


def owner_of_classifier(classifier: Classifier) -> Owner:
    return Owner(user=classifier.owner, visitor=classifier.visitor)


def create_classifier(
    *, owner: Owner, name: str, class_names: Iterable[str] = (), pk: UUID | None = None
) -> Classifier:
    """Create a classifier with these classes. pk: its id, under which it is created once. Raises ClassifierError."""
    if pk and (stored := Classifier.objects.filter(belongs_to(owner), pk=pk).first()):
        return stored
    if Classifier.objects.filter(belongs_to(owner)).count() >= settings.MAX_CLASSIFIERS:
        raise TooManyClassifiers(limit=settings.MAX_CLASSIFIERS)
    with transaction.atomic():
        classifier = Classifier(owner=owner.user, visitor=owner.visitor, name=name)
        classifier.pk = pk or classifier.pk
        classifier.save(force_insert=True)
        for class_name in class_names:
            class_named(classifier=classifier, name=class_name)
    if owner.visitor:
        hand_over(visitor=owner.visitor)
    return classifier


def class_named(*, classifier: Classifier, name: str) -> LearntClass:
    """Return the classifier's class of this name, created if there is none; "Cat" and "cat" are one. Raises
    ClassifierError.
    """
    name = _checked(name)
    found = classifier.classes.filter(folded_name=folded(name)).first()
    if found is not None:
        return found
    last = classifier.classes.aggregate(last=Max("position"))["last"]
    if classifier.classes.count() >= MOST_CLASSES:
        raise TooManyClasses(limit=MOST_CLASSES)
    try:
        with transaction.atomic():
            return LearntClass.objects.create(classifier=classifier, name=name, position=(last or 0) + 1)
    except IntegrityError:
        # Another request created it at the same moment.
        return classifier.classes.get(folded_name=folded(name))


def rename_class(*, learnt_class: LearntClass, name: str) -> None:
    """Raises ClassifierError. Versions that were trained before keep the old name."""
    name = _checked(name)
    others = LearntClass.objects.filter(classifier=learnt_class.classifier_id).exclude(pk=learnt_class.pk)
    if others.filter(folded_name=folded(name)).exists():
        raise ClassTaken(name=name)
    learnt_class.name = name
    learnt_class.save()


def add_image(*, file: File, classifier: Classifier, class_name: str = "") -> Added:
    """Store an image as an example of a class, or without a class; the same file again is the same example.

    Raises ClassifierError, ImageError, serving.NoModel, storage.StorageUnavailable, turns.Busy, OwnerGone.
    """
    if class_name:
        # A bad name is said before the file is read.
        class_named(classifier=classifier, name=class_name)
    active_backbone()
    return add_read_image(image=read_image(file), classifier=classifier, class_name=class_name)


def add_read_image(
    *, image: SubmittedImage, classifier: Classifier, class_name: str = "", features: Features | None = None
) -> Added:
    """The same for an image that was read, with its features if they are known. Raises what `add_image` does, but no
    ImageError.
    """
    learnt_class = class_named(classifier=classifier, name=class_name) if class_name else None
    stored = classifier.examples.filter(upload__sha256=image.sha256).first()
    if stored is not None:
        if stored.learnt_class_id is None and learnt_class is not None:
            label(examples=classifier.examples.filter(pk=stored.pk), learnt_class=learnt_class)
        return Added(stored, is_new=False)
    _check_room(classifier, len(image.content))
    features = features or describe_features(decoded=image.decoded, backbone=active_backbone())
    upload = describe_upload(image=image, owner=owner_of_classifier(classifier))
    features.upload = upload
    example = _describe_example(classifier, upload, features)
    if learnt_class is not None:
        example.learnt_class, example.labelled_at = learnt_class, timezone.now()

    def store_rows() -> None:
        features.save(force_insert=True)
        example.save(force_insert=True)

    store_upload(
        upload=upload,
        content=image.content,
        thumbnail=preprocessing.to_thumbnail(image.decoded.picture),
        working_copy=copy_if_expensive(image.decoded),
        store_rows=store_rows,
    )
    return Added(example, is_new=True)


def add_from_history(*, prediction: Prediction, learnt_class: LearntClass) -> Added:
    """Make a stored image an example of a class; its file is not stored twice. Raises ClassifierError, ImageError,
    serving.NoModel, turns.Busy, OSError.
    """
    classifier, upload = learnt_class.classifier, prediction.upload
    stored = classifier.examples.filter(upload__sha256=upload.sha256).first()
    if stored is not None:
        label(examples=classifier.examples.filter(pk=stored.pk), learnt_class=learnt_class)
        return Added(stored, is_new=False)
    _check_room(classifier, upload.size)
    backbone = active_backbone()
    add_missing_features(uploads=[upload], backbone=backbone)
    example = _describe_example(classifier, upload, upload.features.get(backbone=backbone.digest))
    example.source = Example.Source.CORRECTION if prediction.corrected_class else Example.Source.HISTORY
    example.learnt_class, example.labelled_at = learnt_class, timezone.now()
    example.save(force_insert=True)
    return Added(example, is_new=True)


def label(*, examples: QuerySet[Example], learnt_class: LearntClass | None) -> int:
    """Give examples of the class's classifier this class, or none; return how many there were."""
    if learnt_class is not None:
        examples = examples.filter(classifier=learnt_class.classifier_id)
    return examples.update(learnt_class=learnt_class, labelled_at=timezone.now() if learnt_class else None)


def remove(*, examples: QuerySet[Example]) -> int:
    """Remove examples; their uploads go with them, unless the history or another classifier has them."""
    found = list(examples.values_list("pk", "upload"))
    uploads = [upload for _, upload in found]
    Example.objects.filter(pk__in=[pk for pk, _ in found]).delete()
    delete_uploads(Upload.objects.filter(pk__in=uploads, predictions=None, examples=None))
    return len(found)


def delete_class(*, learnt_class: LearntClass) -> None:
    """Delete a class; its images stay, without a class."""
    Example.objects.filter(learnt_class=learnt_class).update(labelled_at=None)
    learnt_class.delete()


def delete_classifier(*, classifier: Classifier) -> None:
    """Delete a classifier with its images, its versions and their predictions; what `loss_of` counts."""
    delete_classifiers(Classifier.objects.filter(pk=classifier.pk))


def loss_of(classifier: Classifier) -> tuple[int, int, int]:
    """The numbers of images, versions and predictions that are deleted with a classifier."""
    versions = ModelVersion.every.filter(classifier=classifier)
    predictions = Prediction.objects.filter(model_version__in=versions.values("pk"))
    return classifier.examples.count(), versions.count(), predictions.count()


def examples_by_id(*, classifier: Classifier, ids: Iterable[UUID]) -> QuerySet[Example]:
    return classifier.examples.filter(pk__in=list(ids))


def _checked(name: str) -> str:
    """Return the name of a class without blanks around it. Raises BadClassName."""
    name = name.strip()
    if fault_of(name):
        raise BadClassName
    return name


def _check_room(classifier: Classifier, size: int) -> None:
    if classifier.examples.count() >= settings.MAX_CLASSIFIER_IMAGES:
        raise TooManyExamples(limit=settings.MAX_CLASSIFIER_IMAGES)
    whose = belongs_to(owner_of_classifier(classifier))
    uploads = Upload.objects.filter(whose, pk__in=Example.objects.order_by().values("upload")).order_by()
    taken = uploads.aggregate(total=Sum("size", default=0))["total"]
    if taken + size > settings.MAX_CLASSIFIER_MEGABYTES * MEGABYTE:
        raise TooManyMegabytes(limit=settings.MAX_CLASSIFIER_MEGABYTES)


def _describe_example(classifier: Classifier, upload: Upload, features: Features) -> Example:
    """Return an unsaved example, in the group of the first of its copies."""
    group = _group(classifier, upload.sha256, features)
    return Example(classifier=classifier, upload=upload, group=group, held_out=is_held_out(group, str(classifier.pk)))


def _group(classifier: Classifier, sha256: str, features: Features) -> str:
    others = Features.objects.filter(backbone=features.backbone, upload__examples__classifier=classifier)
    rows = list(
        others.order_by("pk").values_list("upload__examples__group", "upload__examples__classifier", "signature")
    )
    mine = [(group, signature) for group, whose, signature in rows if whose == classifier.pk]
    is_copy = copies_of(
        signature_of(bytes(features.signature)), [signature_of(bytes(signature)) for _, signature in mine]
    )
    return next((group for (group, _), copied in zip(mine, is_copy) if copied), sha256)
