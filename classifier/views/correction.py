"""Correct a prediction, and undo a correction."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from classifier.models import Prediction
from classifier.services.history.correction import NothingToUndo, UnknownLabel, undo_correction
from classifier.services.history.correction import correct as record
from classifier.web.requests import PageRequest, own_prediction, owner_of


@require_POST
def correct(request: PageRequest, prediction_id: UUID) -> HttpResponse:
    """Record the label sent, or undo the last one; the part of the page that shows it comes back to a script."""
    prediction = own_prediction(request, prediction_id)
    try:
        if "undo" in request.POST:
            undo_correction(prediction=prediction)
        else:
            record(prediction=prediction, label=request.POST.get("label", ""), user=owner_of(request).user)
    except UnknownLabel:
        messages.error(request, _("The model does not have this class. Choose one of the classes shown."))
    except Prediction.DoesNotExist as error:
        # It was deleted in another window.
        raise Http404 from error
    except NothingToUndo:
        messages.info(request, _("There is nothing to undo."))
    if request.htmx:
        return render(request, "classifier/_correction.html", {"prediction": prediction})
    return redirect("prediction", prediction.pk)
