"""Classify stored uploads with another version, whose predictions are stored beside the earlier ones."""

import time
from collections.abc import Iterable
from uuid import UUID, uuid5

import numpy as np
from django.db import IntegrityError, transaction

from classifier.models import Features, ModelVersion, Prediction, Upload
from classifier.services.models.heads import served as served_model
from classifier.services.models.serving import ServedModel
from classifier.services.people.ownership import Owner
from classifier.services.predictions.classification import describe_prediction
from classifier.services.predictions.features import Vector, describe_vector, digest_of, worth_storing
from classifier.services.predictions.turns import Workers, turn
from classifier.services.predictions.working_copies import picture_of
from ml.heads.model import HeadModel
from ml.images.preprocessing import WHOLE
from ml.serving.inference import NetworkInput
from ml.serving.routing import THUMBNAILS, kind_of

_PREDICTIONS = UUID("3c1a8f3e-7d0c-4b7b-9d38-0f3b6b0c2f51")


def classify_again(*, upload: Upload, version: ModelVersion | None) -> Prediction:
    """Return what a version predicts for a stored upload, None for the active one; the same again is stored once.

    A head does not run its backbone where the features are stored. Raises serving.NoModel, ImageError, turns.Busy,
    Upload.DoesNotExist, OSError.
    """
    served = served_model(version)
    stored = Prediction.objects.filter(upload=upload, model_version=served.version).first()
    if stored is not None:
        return stored
    known = predictions_from_features(uploads=[upload], served=served)
    return store_beside(upload=upload, prediction=known.get(upload.pk) or _classify(upload, served))


def predictions_from_features(*, uploads: Iterable[Upload], served: ServedModel) -> dict[UUID, Prediction]:
    """Return the unsaved predictions of a head for those of the uploads whose features are stored, by upload; none for
    another model.
    """
    if not isinstance(served.model, HeadModel):
        return {}
    by_pk = {upload.pk: upload for upload in uploads}
    rows = Features.objects.filter(upload__in=list(by_pk), backbone=digest_of(served, ""))
    found = {}
    for pk, content in rows.values_list("upload", "vector"):
        started = time.perf_counter()
        predictions = served.model.predict_features(np.frombuffer(content, "<f2")[None])
        upload = by_pk[pk]
        whole = kind_of(upload.width, upload.height) == THUMBNAILS or served.model.networks[""].framing == WHOLE
        found[pk] = describe_prediction(
            served=served,
            network_input=NetworkInput("", np.empty(0, np.uint8), whole),
            predictions=predictions,
            timings={"decode": 0, "resize": 0, "infer": 1000 * (time.perf_counter() - started), "thumbnail": 0},
        )
    return found


def store_beside(*, upload: Upload, prediction: Prediction) -> Prediction:
    """Store an unsaved prediction of a stored upload, or return the one that its version has made in between.

    Raises Upload.DoesNotExist.
    """
    prediction.upload = Upload.objects.get(pk=upload.pk)
    prediction.id = uuid5(_PREDICTIONS, f"{upload.pk}\n{prediction.model_version.digest}")
    if stored := Prediction.objects.filter(pk=prediction.id).first():
        return stored
    try:
        with transaction.atomic():
            prediction.save(force_insert=True)
    except IntegrityError as error:
        stored = Prediction.objects.filter(pk=prediction.id).first()
        if stored is None:
            raise Upload.DoesNotExist from error
        return stored
    return prediction


def _classify(upload: Upload, served: ServedModel) -> Prediction:
    started = time.perf_counter()
    decoded = picture_of(upload=upload)
    timings = {"decode": 1000 * (time.perf_counter() - started), "thumbnail": 0.0}
    with turn(Workers.INTERPRETERS):
        started = time.perf_counter()
        network_input = served.model.prepare(decoded.picture, decoded.size)
        prepared = time.perf_counter()
        predictions, values = served.model.predict_one(network_input)
        timings |= {"resize": 1000 * (prepared - started), "infer": 1000 * (time.perf_counter() - prepared)}
    vector = Vector(values, digest_of(served, network_input.network))
    if worth_storing(vector=vector, served=served, owner=Owner(upload.owner, upload.visitor)):
        features = describe_vector(vector=vector, picture=decoded.picture)
        features.upload = upload
        Features.objects.bulk_create([features], ignore_conflicts=True)
    return describe_prediction(served=served, network_input=network_input, predictions=predictions, timings=timings)
