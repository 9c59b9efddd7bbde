"""Classify any number of local files, as the upload page does, and optionally store them for an account."""

import hashlib
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple
from uuid import UUID, uuid5

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.files import File
from django.db import transaction

from classifier.models import Prediction, Upload
from classifier.services.models.serving import ServedModel
from classifier.services.people.ownership import Owner
from classifier.services.predictions.classification import describe_upload, discard_files, store
from classifier.services.predictions.intake import clean_name, read_image
from classifier.services.predictions.many import Derived, derive, prediction_of
from ml.images.errors import ImageError
from ml.images.preprocessing import DecodedImage
from ml.serving.bulk import Failed, Predicted, predict_stream

_UPLOADS = UUID("0b6a1d62-7c1e-4d0b-9c55-6a0f3b1f5b0e")


@dataclass(frozen=True)
class FileOutcome:
    """The result for one file: a prediction, stored if `classify_files` has an owner, or an error message in English.

    stored_before: whether an earlier run, or another file of the same name and content, stored the prediction.
    """

    path: Path
    prediction: Prediction | None = None
    error: str = ""
    stored_before: bool = False


class _StoredBefore(ImageError):
    """An earlier run has stored the file, so it need not be decoded."""

    message = "Its upload was deleted while the run went on."

    def __init__(self, upload_id: UUID) -> None:
        super().__init__()
        self.upload_id = upload_id


class _Kept(NamedTuple):
    """What is stored of an image, or nothing but the time that its decoding took."""

    upload: Upload | None = None
    derived: Derived | None = None
    decode_milliseconds: float = 0.0


def classify_files(
    *, paths: Iterable[Path], served: ServedModel, owner: User | None = None
) -> Generator[list[FileOutcome]]:
    """Yield outcomes in batches and in order, while all processors read the next files.

    owner: each prediction is stored for this account before it is yielded. The same file (name and content) is stored
    once for a model and an owner, so a killed run can be resumed. The site's size limits apply. Raises
    storage.StorageUnavailable.
    """
    bulk = _Bulk(served, owner)
    with closing(predict_stream(served.model, paths, bulk.read)) as batches:
        for batch in batches:
            yield [bulk.conclude(item) for item in batch]


class _Bulk:
    """Reads files in any thread, and stores results in the thread with the database connection."""

    def __init__(self, served: ServedModel, owner: User | None) -> None:
        self.served = served
        self.owner = owner
        self.owner_pk = owner.pk if owner else None
        self.stored: frozenset[bytes] = frozenset()
        if owner is not None:
            uploads = Upload.objects.filter(owner=owner, predictions__model_version=served.version)
            self.stored = frozenset(pk.bytes for pk in uploads.values_list("pk", flat=True).iterator())

    def read(self, path: Path) -> tuple[DecodedImage, _Kept]:
        with path.open("rb") as opened:
            if self.stored:
                self._look_up(path, opened)
            image = read_image(File(opened, path.name))
        decoded = image.decoded
        if self.owner is None:
            return decoded, _Kept(decode_milliseconds=image.decode_milliseconds)
        upload = describe_upload(image=image, owner=Owner(user=self.owner))
        upload.id = self._upload_id(path, upload.sha256)
        # Without the content, up to 20 MB, which is read again when it is stored.
        return decoded, _Kept(upload, derive(image))

    def conclude(self, item: Predicted[Path, _Kept] | Failed[Path]) -> FileOutcome:
        if isinstance(item, Failed):
            return self._failed(item)
        upload, derived, decode_milliseconds = item.kept
        timings = derived.timings if derived else {"decode": decode_milliseconds}
        prediction = prediction_of(item, served=self.served, timings=timings)
        if upload is None or derived is None:
            return FileOutcome(item.source, prediction)
        prediction.upload = upload
        return self._store(item.source, prediction, derived)

    def _failed(self, item: Failed[Path]) -> FileOutcome:
        path, error = item
        if isinstance(error, _StoredBefore) and (stored := _stored_prediction(error.upload_id)):
            return FileOutcome(path, stored, stored_before=True)
        return FileOutcome(path, error=getattr(error, "strerror", None) or str(error))

    def _store(self, path: Path, prediction: Prediction, derived: Derived) -> FileOutcome:
        try:
            content = path.read_bytes()
        except OSError as error:
            return FileOutcome(path, error=error.strerror or str(error))
        if hashlib.sha256(content).hexdigest() != prediction.upload.sha256:
            return FileOutcome(path, error="The file was changed while it was read.")
        with transaction.atomic():
            # Runs for one account are serialised, so that none mistakes another's files for those of a killed run.
            get_user_model().objects.select_for_update(no_key=True).get(pk=self.owner_pk or 0)
            if stored := _stored_prediction(prediction.upload.id):
                return FileOutcome(path, stored, stored_before=True)
            discard_files(upload=prediction.upload)
            stored = store(
                prediction=prediction,
                content=content,
                thumbnail=derived.thumbnail,
                working_copy=derived.working_copy,
            )
            return FileOutcome(path, stored)

    def _look_up(self, path: Path, opened: BufferedReader) -> None:
        """Raise _StoredBefore if the file is stored; else rewind it."""
        upload_id = self._upload_id(path, hashlib.file_digest(opened, "sha256").hexdigest())
        if upload_id.bytes in self.stored:
            raise _StoredBefore(upload_id)
        opened.seek(0)

    def _upload_id(self, path: Path, sha256: str) -> UUID:
        """Derive the id from all that identifies the file, so that the next run finds the results of a killed one."""
        return uuid5(_UPLOADS, f"{self.owner_pk}\n{self.served.version.digest}\n{sha256}\n{clean_name(path.name)}")


def _stored_prediction(upload_id: UUID) -> Prediction | None:
    return Prediction.objects.select_related("upload", "model_version").filter(upload=upload_id).first()
