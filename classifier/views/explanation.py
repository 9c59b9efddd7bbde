"""Explanations of predictions, computed on request and only for the owner of the upload."""

from collections.abc import Callable
from functools import partial
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from classifier.services.predictions.explanation import (
    ExplanationUnavailable,
    explain_prediction,
    input_png,
    map_png,
    track_record,
)
from classifier.web.image_responses import png_response
from classifier.web.requests import PageRequest, own_prediction


@never_cache
@require_safe
def explanation(request: PageRequest, prediction_id: UUID) -> HttpResponse:
    """The explanation of a prediction: a page, or only its part for a script."""
    prediction = own_prediction(request, prediction_id)
    try:
        found = explain_prediction(prediction=prediction)
    except ExplanationUnavailable:
        found = None
    context = {"prediction": prediction, "track": track_record(prediction), "explanation": found}
    template = "classifier/_explanation.html" if request.htmx else "classifier/explanation.html"
    return render(request, template, context)


@require_safe
def seen(request: HttpRequest, prediction_id: UUID) -> HttpResponse:
    """The network's input as an image."""
    return _picture(request, prediction_id, input_png, "seen.png")


@require_safe
def occlusion_map(request: HttpRequest, prediction_id: UUID) -> HttpResponse:
    """The heat map as an image to lay over the input, or with `?over=upload` over the whole upload."""
    make = partial(map_png, over_upload=request.GET.get("over") == "upload")
    return _picture(request, prediction_id, make, "map.png")


def _picture(request: HttpRequest, prediction_id: UUID, make: Callable[..., bytes], name: str) -> HttpResponse:
    try:
        content = make(prediction=own_prediction(request, prediction_id))
    except ExplanationUnavailable as error:
        raise Http404 from error
    return png_response(content, name=name)
