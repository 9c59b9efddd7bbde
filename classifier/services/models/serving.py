"""The active model of this process: loaded once, warmed up, and swapped when another row becomes active."""

import logging
import os
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from django.conf import settings
from django.db import DatabaseError, connection

from classifier.models import ModelVersion
from classifier.storages.model_folders import at_hand
from ml.artifacts.folder import ArtifactError
from ml.serving.inference import LoadedModel

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 10.0
#: How long a request waits for a model that another one is loading.
_LOADING_SECONDS = 20.0
#: The number of versions that a process keeps loaded besides the active one, each with its own weights.
MOST_OTHERS = 3


class NoModel(Exception):
    """No model is available; the message says why and what to do."""


@dataclass(frozen=True)
class ServedModel:
    """A published version together with its loaded network."""

    version: ModelVersion
    model: LoadedModel


class _Others:
    """Inactive versions: the most recently used stay loaded, each loaded under its own lock."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.slots: OrderedDict[tuple[int, str], _Slot] = OrderedDict()

    def loaded(self, version: ModelVersion) -> LoadedModel:
        slot = self._slot((version.pk, version.digest))
        if not slot.lock.acquire(timeout=_LOADING_SECONDS):
            raise NoModel(f"The model {version} is still being loaded.")
        try:
            if slot.model is None:
                slot.model = _open_warm(version)
            return slot.model
        finally:
            slot.lock.release()

    def _slot(self, key: tuple[int, str]) -> "_Slot":
        with self.lock:
            slot = self.slots.setdefault(key, _Slot())
            self.slots.move_to_end(key)
            while len(self.slots) > MOST_OTHERS:
                self.slots.popitem(last=False)
            return slot


class _Slot:
    """A place for one model, empty until it is loaded."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.model: LoadedModel | None = None


class _Server:
    """The models of one process. The current one serves until the next is ready."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.others = _Others()
        self.served: ServedModel | None = None
        #: The digest of the last model that failed to load, the time and the reason.
        self.failed: tuple[str, float, str] = ("", 0.0, "")

    def active(self) -> ServedModel:
        try:
            row = ModelVersion.objects.only("digest").get(active=True)
        except ModelVersion.DoesNotExist:
            raise NoModel("No model is active. Publish one with: python manage.py migrate") from None
        served = self.served
        if served and _same(served.version, row):
            return served
        # Only the first request has to wait for a model; later ones use the old model while one thread loads.
        if self.lock.acquire(timeout=_LOADING_SECONDS if served is None else 0):
            try:
                return self._load(row)
            finally:
                self.lock.release()
        if served is None:
            raise NoModel("The active model is still being loaded.")
        return served

    def loaded(self, version: ModelVersion) -> LoadedModel:
        """The network of any version: the active one, or another."""
        if self.served and _same(self.served.version, version):
            return self.served.model
        return self.others.loaded(version)

    def _load(self, row: ModelVersion) -> ServedModel:
        if self.served and _same(self.served.version, row):
            return self.served
        digest, when, _why = self.failed
        if digest == row.digest and time.monotonic() - when < _RETRY_SECONDS:
            return self._fall_back(row)
        row = ModelVersion.objects.get(pk=row.pk)
        try:
            model = _open(row)
            model.warm_up()
        except (ArtifactError, OSError, ValueError) as error:
            self.failed = (row.digest, time.monotonic(), str(error).rstrip("."))
            if self.served:
                logger.error("The model %s cannot be loaded: %s. %s stays in use.", row, error, self.served.version)
            return self._fall_back(row)
        self.served = ServedModel(row, model)
        logger.info("Serving %s", row)
        return self.served

    def _fall_back(self, row: ModelVersion) -> ServedModel:
        if self.served is None:
            row = ModelVersion.objects.get(pk=row.pk)
            raise NoModel(f"The model {row} cannot be loaded ({self.failed[2]}): restore its folder {row.path}.")
        return self.served


def _open(version: ModelVersion) -> LoadedModel:
    model = LoadedModel(at_hand(version.path, version.digest), settings.INTERPRETERS)
    version.check_unchanged(model.card)
    return model


def _open_warm(version: ModelVersion) -> LoadedModel:
    """Load a version and warm it up. Raises ArtifactError, whatever is wrong with its files."""
    try:
        model = _open(version)
        model.warm_up()
    except (OSError, ValueError) as error:
        raise ArtifactError(str(error).rstrip(".")) from error
    return model


def _same(one: ModelVersion, other: ModelVersion) -> bool:
    """Whether both are the same row of the same files: restoring a database may have changed either."""
    return (one.pk, one.digest) == (other.pk, other.digest)


_server = _Server()


def active_model() -> ServedModel:
    """Return the active version and its network, loading it if need be. Raises NoModel."""
    return _server.active()


def served_model(version: ModelVersion | None = None) -> ServedModel:
    """Return a version, active or not, and its network; the active one for None. Raises NoModel."""
    if version is None:
        return active_model()
    try:
        return ServedModel(version, loaded_model(version))
    except ArtifactError as error:
        raise NoModel(f"The model {version} cannot be loaded ({error}): restore its folder {version.path}.") from error


def loaded_model(version: ModelVersion) -> LoadedModel:
    """Return the network of a version, active or not. Raises ArtifactError, and NoModel while it loads."""
    return _server.loaded(version)


def load_ahead() -> None:
    """Load the active model in a thread before the first request; requests wait until it is loaded."""

    def load() -> None:
        try:
            active_model()
        except (NoModel, DatabaseError) as error:
            logger.warning("No model is loaded yet: %s", error)
        finally:
            connection.close()

    threading.Thread(target=load, name="load-model", daemon=True).start()


def known_classes() -> tuple[str, ...]:
    """The class names of the active model; empty while none is available."""
    try:
        return active_model().model.known_classes
    except NoModel:
        return ()


def forget() -> None:
    """Unload the model; the next request loads one."""
    global _server
    _server = _Server()


# An interpreter's threads do not survive a fork: the child loads its own.
os.register_at_fork(after_in_child=forget)
