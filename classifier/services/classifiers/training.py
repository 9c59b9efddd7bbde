"""Train a classifier: freeze its examples as a revision, fit a head, and store it with its answers."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast
from uuid import UUID

import numpy as np
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from classifier.models import (
    Classifier,
    Comparison,
    Example,
    Head,
    HeldOutAnswer,
    LearntClass,
    ModelVersion,
    Revision,
    RevisionItem,
    Upload,
)
from classifier.services.classifiers.comparing import compare_with_active
from classifier.services.classifiers.failures import NothingNew, TooFewClasses, TooFewExamples
from classifier.services.classifiers.features import add_missing_features, vectors_of
from classifier.services.classifiers.overview import FEWEST
from classifier.services.models.backbone import Backbone, active_backbone, backbone_of
from ml.classes import NONE_CLASS
from ml.evaluation import metrics
from ml.heads import fitting
from ml.heads.background import Background
from ml.heads.fitting import Measured
from ml.heads.labels import doubts

#: Labels that a version doubts and its page shows.
MOST_DOUBTS = 30


@dataclass(frozen=True)
class Trained:
    """A head and what it learnt from, not stored yet. examples: in the order of the rows of `measured`."""

    backbone: str
    examples: list[Example]
    labels: np.ndarray
    class_names: tuple[str, ...]
    measured: Measured


def check_trainable(classifier: Classifier) -> None:
    """Raise ClassifierError if the classifier has too few examples, or nothing new since its last version."""
    examples = _labelled(classifier)
    groups: dict[str, set[str]] = {}
    for example in examples:
        groups.setdefault(_class_name(example), set()).add(example.group)
    if len(groups) < 2:
        raise TooFewClasses
    for name, found in groups.items():
        if len(found) < FEWEST:
            raise TooFewExamples(name=name, count=len(found), least=FEWEST)
    last = Head.objects.filter(revision__classifier=classifier).order_by("-version__number").first()
    if last is not None and last.revision.digest == _digest(examples) and last.backbone == active_backbone().digest:
        raise NothingNew(number=last.version.number)


def train(*, classifier: Classifier, is_over: Callable[[], bool] = lambda: False) -> Trained | None:
    """Fit a head to the classifier's examples; None if `is_over` before.

    Raises ClassifierError, serving.NoModel, ImageError, OSError.
    """
    check_trainable(classifier)
    backbone = active_backbone()
    examples = _labelled(classifier)
    if not _complete(examples, backbone, is_over):
        return None
    vectors = vectors_of(upload_ids=[example.upload_id for example in examples], backbone=backbone.digest)
    examples = [example for example in examples if example.upload_id in vectors]
    class_names = _class_names(examples)
    labels = np.array([class_names.index(_class_name(example)) for example in examples])
    try:
        measured = fitting.fit(
            np.stack([vectors[example.upload_id] for example in examples]),
            labels,
            [example.group for example in examples],
            np.array([example.held_out for example in examples]),
            class_names,
            Background.of(backbone.digest),
        )
    except ValueError as error:
        raise TooFewExamples(name=class_names[0], count=0, least=FEWEST) from error
    return Trained(backbone.digest, examples, labels, class_names, measured)


@transaction.atomic
def store_trained(*, classifier: Classifier, trained: Trained) -> ModelVersion:
    """Store a head as the classifier's next version, and activate it unless that is for the person to decide.

    Raises Classifier.DoesNotExist if it was deleted in between.
    """
    # The lock also orders two trainings of one classifier.
    classifier = Classifier.objects.select_for_update().get(pk=classifier.pk)
    existing = set(classifier.examples.values_list("pk", flat=True))
    revision = _revise(classifier, trained, existing)
    content = trained.measured.head.save()
    number = (ModelVersion.every.filter(classifier=classifier).aggregate(last=Max("number"))["last"] or 0) + 1
    version = ModelVersion.every.create(
        name=f"own-{classifier.pk.hex}",
        number=number,
        folder="",
        digest=hashlib.sha256(f"{classifier.pk} {number} ".encode() + content).hexdigest(),
        card=_card(classifier, trained),
        classifier=classifier,
    )
    Head.objects.create(version=version, revision=revision, backbone=trained.backbone, content=content)
    HeldOutAnswer.objects.bulk_create(_answers(version, trained, existing), batch_size=500)
    comparison = compare_with_active(version)
    if comparison is None or not comparison.reasons:
        activate_version(version=version)
    return version


def activate_version(*, version: ModelVersion) -> None:
    """Make this version the one that its classifier answers with."""
    with transaction.atomic():
        Classifier.objects.select_for_update().filter(pk=version.classifier_id).first()  # type: ignore[misc]
        ModelVersion.every.filter(classifier=version.classifier_id, active=True).update(active=False)
        version.active, version.activated_at = True, timezone.now()
        version.save(update_fields=["active", "activated_at"])


def versions_of(classifier: Classifier) -> list[ModelVersion]:
    """The classifier's versions, newest first."""
    return list(ModelVersion.every.filter(classifier=classifier).select_related("classifier").order_by("-number"))


def comparison_of(version: ModelVersion) -> Comparison | None:
    return Comparison.objects.filter(candidate=version).select_related("baseline__classifier").first()


def _labelled(classifier: Classifier) -> list[Example]:
    found = classifier.examples.filter(learnt_class__isnull=False).select_related("learnt_class", "upload")
    return list(found.order_by("created_at", "id"))


def _class_name(example: Example) -> str:
    learnt_class = cast(LearntClass, example.learnt_class)
    return NONE_CLASS if learnt_class.is_none else learnt_class.name


def _class_names(examples: list[Example]) -> tuple[str, ...]:
    """The classes in their order; that for none of the others is the last."""
    places = {_class_name(example): cast(LearntClass, example.learnt_class).position for example in examples}
    return tuple(sorted(places, key=lambda name: (name == NONE_CLASS, places[name])))


def _complete(examples: list[Example], backbone: Backbone, is_over: Callable[[], bool]) -> bool:
    """Compute the features that are missing: of images of the history, or of another backbone."""
    ids = [example.upload_id for example in examples]
    missing = Upload.objects.filter(pk__in=ids).exclude(features__backbone=backbone.digest)
    for upload in missing:
        if is_over():
            return False
        add_missing_features(uploads=[upload], backbone=backbone)
    return True


def _digest(examples: list[Example]) -> str:
    lines = sorted(f"{example.upload.sha256} {_class_name(example)} {example.held_out}" for example in examples)
    return hashlib.sha256(json.dumps(lines).encode()).hexdigest()


def _revise(classifier: Classifier, trained: Trained, existing: set[UUID]) -> Revision:
    number = (classifier.revisions.aggregate(last=Max("number"))["last"] or 0) + 1
    revision = Revision.objects.create(
        classifier=classifier,
        number=number,
        digest=_digest(trained.examples),
        counts=dict(Counter(map(_class_name, trained.examples))),
    )
    items = [
        RevisionItem(revision=revision, example=example, class_name=_class_name(example), held_out=example.held_out)
        for example in trained.examples
        if example.pk in existing
    ]
    RevisionItem.objects.bulk_create(items, batch_size=500)
    return revision


def _answers(version: ModelVersion, trained: Trained, existing: set[UUID]) -> list[HeldOutAnswer]:
    measured, names = trained.measured, trained.class_names
    predictions = measured.predictions
    found = []
    for place, row in enumerate(measured.judged.tolist()):
        example, probabilities = trained.examples[row], predictions.probabilities[place]
        best = int(probabilities.argmax())
        if example.pk in existing:
            found.append(
                HeldOutAnswer(
                    version=version,
                    example=example,
                    class_name=names[trained.labels[row]],
                    predicted=names[best],
                    confidence=float(probabilities[best]),
                    class_probability=float(probabilities[trained.labels[row]]),
                    abstained=bool(predictions.abstained[place]),
                )
            )
    return found


def _doubts(trained: Trained) -> list[list]:
    """The examples whose label is improbable: id, the more probable class, and the probability of the label."""
    measured = trained.measured
    probabilities = measured.out_of_fold.copy()
    probabilities[measured.judged] = measured.predictions.probabilities
    return [
        [
            str(trained.examples[row].pk),
            trained.class_names[int(probabilities[row].argmax())],
            float(probabilities[row, trained.labels[row]]),
        ]
        for row in doubts(probabilities, trained.labels)[:MOST_DOUBTS].tolist()
    ]


def _card(classifier: Classifier, trained: Trained) -> dict:
    """What the pages say of the version; its class names are those of its answers."""
    measured = trained.measured
    judged = trained.labels[measured.judged]
    network = backbone_of(trained.backbone).network
    figures = metrics.score(measured.predictions.probabilities, judged, trained.class_names)
    return {
        "name": classifier.name,
        "architecture": "head",
        "class_names": list(trained.class_names),
        "input_shape": list(network.input_shape),
        "framing": network.card.framing,
        "networks": {},
        "metrics": {"test": figures.as_dict()},
        "cross_validated": measured.cross_validated,
        "answered": float((~measured.predictions.abstained).mean()),
        "strength": measured.strength,
        "temperature": measured.head.temperature,
        "doubts": _doubts(trained),
    }
