"""Classify a stored image with another model: one of the person's own classifiers, or the site's."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from classifier.forms.classifiers import OtherModelForm
from classifier.models import Upload
from classifier.services.predictions.again import classify_again
from classifier.services.predictions.intake import explain_image_error
from classifier.web.requests import own_prediction, owner_of
from ml.images.errors import ImageError


@never_cache
@require_POST
def again(request: HttpRequest, prediction_id: UUID) -> HttpResponse:
    """Lead to what the other model predicts; its prediction is in the history beside the first."""
    prediction = own_prediction(request, prediction_id)
    form = OtherModelForm(request.POST, owner=owner_of(request))
    if not form.is_valid():
        messages.warning(request, " ".join(map(str, form.errors["classifier"])))
        return redirect("prediction", prediction.pk)
    try:
        found = classify_again(upload=prediction.upload, version=form.cleaned_data["classifier"])
    except ImageError as error:
        messages.warning(request, explain_image_error(error))
        return redirect("prediction", prediction.pk)
    except (Upload.DoesNotExist, FileNotFoundError) as error:
        # It was deleted in another window.
        raise Http404 from error
    return redirect("prediction", found.pk)
