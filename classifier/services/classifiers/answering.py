"""The version of a person's classifier that answers."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from classifier.models import Classifier, ModelVersion, Prediction
from classifier.services.classifiers.failures import NotTrained
from classifier.services.people.ownership import Owner, classifiers_of


@dataclass(frozen=True)
class Searchable:
    """A classifier as a search offers it. class_names: of all its versions."""

    id: UUID
    name: str
    class_names: tuple[str, ...]


def usable_classifiers(owner: Owner) -> QuerySet[Classifier]:
    """The owner's classifiers that have a version in use, by name."""
    active = ModelVersion.every.filter(active=True, classifier__isnull=False)
    return classifiers_of(owner).filter(pk__in=active.values("classifier")).order_by("name", "created_at", "id")


def answering_version(classifier: Classifier) -> ModelVersion:
    """The version in use. Raises NotTrained."""
    version = ModelVersion.every.filter(classifier=classifier, active=True).select_related("classifier").first()
    if version is None:
        raise NotTrained(name=classifier.name)
    return version


def usable_versions(owner: Owner) -> QuerySet[ModelVersion]:
    """The versions in use of the owner's classifiers, by name."""
    versions = ModelVersion.every.filter(active=True, classifier__in=classifiers_of(owner).values("pk"))
    return versions.select_related("classifier").defer("card").order_by("classifier__name", "pk")


def other_versions(prediction: Prediction, owner: Owner) -> list[ModelVersion]:
    """The versions in use of the owner's classifiers that have not classified the prediction's upload."""
    answered = Prediction.objects.filter(upload=prediction.upload_id).order_by().values("model_version")
    return list(usable_versions(owner).exclude(pk__in=answered))


def searchable(owner: Owner) -> list[Searchable]:
    """The owner's classifiers that were trained, by name."""
    versions = ModelVersion.every.filter(classifier__in=classifiers_of(owner).values("pk"))
    rows = versions.order_by("classifier__name", "classifier", "pk")
    found: dict[UUID, Searchable] = {}
    for pk, name, class_names in rows.values_list("classifier", "classifier__name", "card__class_names"):
        earlier = found.get(pk, Searchable(pk, name, ()))
        found[pk] = Searchable(pk, name, tuple(dict.fromkeys((*earlier.class_names, *class_names))))
    return list(found.values())
