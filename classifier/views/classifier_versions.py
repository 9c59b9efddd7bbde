"""A version of a person's classifier: its figures, its mistakes, its promotion; and a page to try the active one."""

from base64 import b64encode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from classifier.forms.classifiers import PromotionForm, TrialForm
from classifier.models import Classifier, Comparison, HeldOutAnswer, ModelVersion
from classifier.presentation.classifier_versions import VersionFigures, refusals, verdict
from classifier.services.classifiers.comparing import flips_of
from classifier.services.classifiers.failures import GateRefuses, explain_classifier_error
from classifier.services.classifiers.promotion import promote
from classifier.services.classifiers.training import comparison_of, versions_of
from classifier.services.people.ownership import Owner
from classifier.services.predictions.classification import predict
from classifier.services.predictions.intake import explain_image_error, read_image
from classifier.views.classifiers import own_classifier
from classifier.web.headers import with_previews
from ml.images.errors import ImageError


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def version(request: HttpRequest, classifier_id: UUID, number: int) -> HttpResponse:
    """What a version gets right and wrong. POST makes it the one that answers."""
    classifier = own_classifier(request, classifier_id)
    found = get_object_or_404(ModelVersion.every.select_related("classifier"), classifier=classifier, number=number)
    if request.method == "POST":
        return _promote(request, classifier, found)
    comparison = comparison_of(found)
    context = {
        "classifier": classifier,
        "version": found,
        "versions": versions_of(classifier),
        "figures": VersionFigures(found),
        "comparison": comparison,
        "verdict": verdict(comparison) if comparison else "",
        "refusals": refusals(comparison) if comparison else [],
        "flips": _flips(comparison) if comparison else [],
        "needs_reason": bool(comparison and comparison.reasons and found.activated_at is None),
    }
    return render(request, "classifier/classifiers/version.html", context)


@with_previews
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def use(request: HttpRequest, classifier_id: UUID) -> HttpResponse:
    """Try the active version on an image, which is not stored."""
    classifier = own_classifier(request, classifier_id)
    active = next((one for one in versions_of(classifier) if one.active), None)
    context = {"classifier": classifier, "versions": versions_of(classifier), "active": active}
    if active is None:
        return render(request, "classifier/classifiers/use.html", context)
    form = TrialForm(*((request.POST, request.FILES) if request.method == "POST" else ()))
    if form.is_valid():
        try:
            image = read_image(form.cleaned_data["image"])
            prediction, thumbnail = predict(image=image, owner=Owner(), version=active)
        except ImageError as error:
            form.add_error("image", explain_image_error(error))
        else:
            picture = f"data:image/jpeg;base64,{b64encode(thumbnail).decode()}"
            context |= {"prediction": prediction, "picture": picture}
    status = 400 if form.errors else 200
    return render(request, "classifier/classifiers/use.html", context | {"form": form}, status=status)


def _flips(comparison: Comparison) -> list[tuple[str, list[tuple[HeldOutAnswer, str]]]]:
    """The images that changed, with titles: newly correct ones beside newly wrong ones."""
    flips = flips_of(comparison)
    better, worse = ([one for one in flips if one[0].is_right is is_right] for is_right in (True, False))
    found = [(_("Newly correct"), better), (_("Newly wrong"), worse)]
    return [one for one in found if one[1]]


def _promote(request: HttpRequest, classifier: Classifier, found: ModelVersion) -> HttpResponse:
    form = PromotionForm(request.POST)
    user = request.user if request.user.is_authenticated else None
    try:
        promote(version=found, reason=form.cleaned_data["reason"] if form.is_valid() else "", user=user)
    except GateRefuses as error:
        messages.warning(request, explain_classifier_error(error))
    else:
        messages.success(request, _("Version %(number)s is in use.") % {"number": found.number})
    return redirect("classifier_version", classifier.pk, found.number)
