"""Pages about the site itself."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from classifier.services.predictions.verdict import FAIRLY_SURE, SURE


@require_safe
def how_it_works(request: HttpRequest) -> HttpResponse:
    """What confidence, "no match" and the heat map mean, for people who know nothing of networks."""
    return render(request, "classifier/how_it_works.html", {"sure": SURE, "fairly_sure": FAIRLY_SURE})
