"""Versions of people's own classifiers, served on the shared backbone."""

from functools import lru_cache

from classifier.models import Head, ModelVersion
from classifier.services.models.backbone import backbone_of
from classifier.services.models.serving import NoModel, ServedModel, served_model
from ml.heads.head import Head as LoadedHead
from ml.heads.model import HeadModel

#: Heads that a process keeps loaded, of less than half a megabyte each.
_MOST_LOADED = 32


class HeadGone(NoModel):
    """The head was deleted, or cannot be read."""


def served(version: ModelVersion | None = None) -> ServedModel:
    """Return a version and its network: of the site's models the active one for None, or one of somebody's own classes.

    Raises NoModel.
    """
    if version is None or version.classifier_id is None:
        return served_model(version)
    head, backbone = _loaded(version.pk, version.digest)
    return ServedModel(version, HeadModel(head, backbone_of(backbone).network))


@lru_cache(_MOST_LOADED)
def _loaded(version_id: int, digest: str) -> tuple[LoadedHead, str]:
    """Return the head of a version and the digest of its backbone. digest: of the version, whose head never changes."""
    row = Head.objects.filter(version=version_id, version__digest=digest).first()
    if row is None:
        raise HeadGone("This version of the classifier was deleted.")
    try:
        return LoadedHead.load(bytes(row.content)), row.backbone
    except ValueError as error:
        raise HeadGone(f"The classifier cannot be loaded ({error}). Train it again.") from error
