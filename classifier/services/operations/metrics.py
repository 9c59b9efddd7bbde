"""Metrics for Prometheus: requests, predictions and throttled requests.

Under Gunicorn every process writes to files in PROMETHEUS_MULTIPROC_DIR, and whichever is asked adds them up.
"""

import os
from collections.abc import Iterator

from django.db import DatabaseError
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client import generate_latest as text_of
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from classifier.models import ModelVersion, Prediction

CONTENT_TYPE = CONTENT_TYPE_LATEST

_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

_REQUESTS = Counter("cifarsite_requests", "Requests that were answered.", ["method", "route", "status"])
_LATENCY = Histogram(
    "cifarsite_request_seconds", "What answering a request took.", ["method", "route"], buckets=_SECONDS
)
_IN_FLIGHT = Gauge(
    "cifarsite_requests_in_flight", "Requests that are being answered just now.", multiprocess_mode="livesum"
)
_STEPS = Histogram(
    "cifarsite_prediction_seconds",
    "What a step of a prediction took: decode, resize, infer, thumbnail.",
    ["step"],
    buckets=(0.0005, 0.001, 0.0025, *_SECONDS),
)
_PREDICTIONS = Counter("cifarsite_predictions", "Predictions by their most probable class.", ["model", "class"])
_ABSTENTIONS = Counter("cifarsite_abstentions", "Predictions that the model abstained from.", ["model"])
_THROTTLED = Counter("cifarsite_throttled", "Requests that were too many.", ["throttle", "by"])
_LOCKED_OUT = Counter("cifarsite_locked_out", "Sign-ins refused after too many failures.")


def begin_request() -> None:
    _IN_FLIGHT.inc()


def end_request(*, method: str, route: str, status: int, seconds: float) -> None:
    """Count a request that has been answered. route: a pattern of the site's addresses, or "unknown"."""
    method = method if method in _METHODS else "other"
    _IN_FLIGHT.dec()
    _REQUESTS.labels(method, route, status).inc()
    _LATENCY.labels(method, route).observe(seconds)


def record_prediction(prediction: Prediction) -> None:
    """Count a prediction, stored or not."""
    # The classes of people's own classifiers are theirs.
    is_own = prediction.model_version.classifier_id is not None
    model = "own classes" if is_own else str(prediction.model_version)
    _PREDICTIONS.labels(model, "" if is_own else prediction.predicted_class).inc()
    if prediction.abstained:
        _ABSTENTIONS.labels(model).inc()
    for step, milliseconds in prediction.timings.items():
        _STEPS.labels(step).observe(milliseconds / 1000)


def record_throttled(*, throttle: str, by: str) -> None:
    _THROTTLED.labels(throttle, by).inc()


def record_locked_out() -> None:
    _LOCKED_OUT.inc()


def exposition() -> bytes:
    """The metrics of all processes of this server in Prometheus's text format."""
    registry = CollectorRegistry()
    registry.register(_ActiveModel())
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        MultiProcessCollector(registry)
    else:
        registry.register(REGISTRY)
    return text_of(registry)


class _ActiveModel(Collector):
    """The active version in the database; processes may still serve another."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily("cifarsite_model_info", "The active model.", labels=["model", "digest"])
        try:
            active = ModelVersion.objects.filter(active=True).first()
        except DatabaseError:
            active = None
        if active is not None:
            family.add_metric([str(active), active.digest], 1)
        yield family
