"""Classifiers of people's own classes: their list, their images, and what is done with these."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from classifier.forms.classifiers import (
    ClassifierActionForm,
    ClassifierForm,
    ExamplesForm,
    HistoryExampleForm,
    ImagesArchiveForm,
)
from classifier.models import Classifier
from classifier.services.classifiers import collection
from classifier.services.classifiers.export import zip_of
from classifier.services.classifiers.failures import ClassifierError, explain_classifier_error
from classifier.services.classifiers.overview import columns_of, warnings_of, with_counts
from classifier.services.classifiers.training import versions_of
from classifier.services.history.export import safe_folder
from classifier.services.jobs.failures import JobError, explain_failure
from classifier.services.jobs.submission import create_with_images, submit_import, submit_training, trainings_of
from classifier.services.people.ownership import classifiers_of, learnt_classes_of
from classifier.services.predictions.intake import clean_name, explain_image_error
from classifier.web.headers import with_camera
from classifier.web.requests import PageRequest, own_prediction, owner_of, uploader_of
from classifier.web.visitors import remember_visitor
from ml.images import formats
from ml.images.errors import ImageError

#: Images of a class that a page shows unless all are asked for.
IMAGES_SHOWN = 60


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def classifiers(request: HttpRequest) -> HttpResponse:
    """The person's classifiers, and the form that creates one."""
    form = ClassifierForm(*((request.POST, request.FILES) if request.method == "POST" else ()))
    if form.is_valid():
        owner = uploader_of(request, submission=None)
        try:
            made, job = create_with_images(owner=owner, **form.cleaned_data)
        except ClassifierError as error:
            form.add_error(None, explain_classifier_error(error))
        except JobError as error:
            form.add_error("archive", explain_failure(error.code, error.values))
        else:
            if owner.visitor is not None:
                remember_visitor(request, owner.visitor)
            return redirect("job", job.pk) if job else redirect("classifier", made.pk)
    context = {"form": form, "classifiers": with_counts(classifiers_of(owner_of(request)))}
    return render(request, "classifier/classifiers/list.html", context, status=400 if form.errors else 200)


@with_camera
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def classifier(request: HttpRequest, classifier_id: UUID) -> HttpResponse:
    """The images of a classifier by class. POST changes them, or trains the classifier."""
    found = own_classifier(request, classifier_id)
    if request.method != "POST":
        return _page(request, found)
    form = ClassifierActionForm(request.POST, classifier=found)
    if not form.is_valid():
        messages.warning(request, _("Some of these images or classes no longer exist. Try again."))
        return redirect("classifier", found.pk)
    try:
        _ACTIONS[form.cleaned_data["action"]](request, found, form.cleaned_data)
    except ClassifierError as error:
        messages.warning(request, explain_classifier_error(error))
    except JobError as error:
        messages.warning(request, explain_failure(error.code, error.values))
    back = request.POST.get("version", "")
    return redirect("classifier_version", found.pk, back) if back.isdecimal() else redirect("classifier", found.pk)


@never_cache
@require_POST
def examples(request: PageRequest, classifier_id: UUID) -> HttpResponse:
    """Add images to a class. A script gets only what became of each."""
    found = own_classifier(request, classifier_id)
    form = ExamplesForm(request.POST, request.FILES)
    errors: list[str] = []
    added = known = 0
    if form.is_valid():
        for file in form.cleaned_data["images"]:
            try:
                one = collection.add_image(file=file, classifier=found, class_name=form.cleaned_data["class_name"])
            except ImageError as error:
                errors.append(f"{clean_name(file.name or '')}: {explain_image_error(error)}")
            except ClassifierError as error:
                errors.append(explain_classifier_error(error))
                break
            else:
                added, known = added + one.is_new, known + (not one.is_new)
    else:
        errors = [str(text) for texts in form.errors.values() for text in texts]
    if request.htmx:
        context = {"added": added, "known": known, "errors": errors}
        status = 200 if added or known else 400
        return render(request, "classifier/classifiers/_added.html", context, status=status)
    for text in errors:
        messages.warning(request, text)
    if added:
        messages.success(request, ngettext("%(n)d image was added.", "%(n)d images were added.", added) % {"n": added})
    if known:
        text = ngettext("%(n)d image was there already.", "%(n)d images were there already.", known)
        messages.info(request, text % {"n": known})
    return redirect("classifier", found.pk)


@never_cache
@require_POST
def archive(request: HttpRequest, classifier_id: UUID) -> HttpResponse:
    """Add the images of a ZIP archive; their folders are their classes."""
    found = own_classifier(request, classifier_id)
    form = ImagesArchiveForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            return redirect("job", submit_import(archive=form.cleaned_data["archive"], classifier=found).pk)
        except JobError as error:
            form.add_error("archive", explain_failure(error.code, error.values))
    for text in form.errors["archive"]:
        messages.warning(request, str(text))
    return redirect("classifier", found.pk)


@never_cache
@require_safe
def training(request: HttpRequest, classifier_id: UUID) -> HttpResponse:
    """The part of the page that changes while the classifier is trained."""
    return render(request, "classifier/classifiers/_training.html", _training(own_classifier(request, classifier_id)))


@never_cache
@require_safe
def as_zip(request: HttpRequest, classifier_id: UUID) -> StreamingHttpResponse:
    """The images in a folder for each class, and the version in use."""
    found = own_classifier(request, classifier_id)
    response = StreamingHttpResponse(zip_of(found), content_type="application/zip")
    name = f"{safe_folder(found.name)}.zip"
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    return response


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, classifier_id: UUID) -> HttpResponse:
    """Say what goes with a classifier, then delete it."""
    found = own_classifier(request, classifier_id)
    if request.method != "POST":
        images, versions, predictions = collection.loss_of(found)
        context = {"classifier": found, "images": images, "versions": versions, "predictions": predictions}
        return render(request, "classifier/classifiers/delete.html", context)
    collection.delete_classifier(classifier=found)
    messages.success(request, _("The classifier was deleted."))
    return redirect("classifiers")


@never_cache
@require_POST
def from_history(request: HttpRequest, prediction_id: UUID) -> HttpResponse:
    """Make an image of the history an example of a class."""
    prediction = own_prediction(request, prediction_id)
    form = HistoryExampleForm(request.POST, classes=learnt_classes_of(owner_of(request)))
    if not form.is_valid():
        messages.warning(request, _("This class no longer exists. Choose another one."))
        return redirect("prediction", prediction.pk)
    learnt_class = form.cleaned_data["learnt_class"]
    try:
        collection.add_from_history(prediction=prediction, learnt_class=learnt_class)
    except ImageError as error:
        messages.warning(request, explain_image_error(error))
    except ClassifierError as error:
        messages.warning(request, explain_classifier_error(error))
    else:
        words = _("The image is an example of “%(name)s” in “%(classifier)s”.")
        messages.success(request, words % {"name": learnt_class.name, "classifier": learnt_class.classifier.name})
    return redirect("prediction", prediction.pk)


def own_classifier(request: HttpRequest, classifier_id: UUID) -> Classifier:
    return get_object_or_404(classifiers_of(owner_of(request)), pk=classifier_id)


def _page(request: HttpRequest, found: Classifier) -> HttpResponse:
    columns = columns_of(found)
    context = {
        **_training(found),
        "columns": columns,
        "warnings": warnings_of(columns),
        "has_none": any(column.learnt_class and column.learnt_class.is_none for column in columns),
        "accept": formats.ACCEPT,
        "shown": None if "all" in request.GET else IMAGES_SHOWN,
    }
    return render(request, "classifier/classifiers/label.html", context)


def _training(found: Classifier) -> dict[str, Any]:
    job = trainings_of(found).first()
    failure = explain_failure(job.error_code, job.error_values) if job and job.error_code else ""
    return {"classifier": found, "job": job, "failure": failure, "versions": versions_of(found)}


def _train(request: HttpRequest, found: Classifier, sent: dict[str, Any]) -> None:
    submit_training(classifier=found)


def _add_class(request: HttpRequest, found: Classifier, sent: dict[str, Any]) -> None:
    collection.class_named(classifier=found, name=sent["name"])


def _rename_class(request: HttpRequest, found: Classifier, sent: dict[str, Any]) -> None:
    if sent["learnt_class"]:
        collection.rename_class(learnt_class=sent["learnt_class"], name=sent["name"])


def _delete_class(request: HttpRequest, found: Classifier, sent: dict[str, Any]) -> None:
    if sent["learnt_class"]:
        collection.delete_class(learnt_class=sent["learnt_class"])
        messages.success(request, _("The class was deleted. Its images are below, without a class."))


def _label(request: HttpRequest, found: Classifier, sent: dict[str, Any]) -> None:
    _say_gone(request, sent["gone"])
    count = collection.label(examples=sent["examples"], learnt_class=sent["learnt_class"])
    messages.success(request, ngettext("%(n)d image was moved.", "%(n)d images were moved.", count) % {"n": count})


def _remove(request: HttpRequest, found: Classifier, sent: dict[str, Any]) -> None:
    _say_gone(request, sent["gone"])
    count = collection.remove(examples=sent["examples"])
    messages.success(request, ngettext("%(n)d image was removed.", "%(n)d images were removed.", count) % {"n": count})


def _say_gone(request: HttpRequest, count: int) -> None:
    """Say that somebody else was faster; the other images are changed."""
    if count:
        text = ngettext("%(n)d image no longer exists.", "%(n)d images no longer exist.", count)
        messages.warning(request, text % {"n": count})


def _protect(request: HttpRequest, found: Classifier, sent: dict[str, Any]) -> None:
    sent["examples"].update(must_stay_right=sent["action"] == "protect")


_ACTIONS: dict[str, Callable[[HttpRequest, Classifier, dict[str, Any]], None]] = {
    "train": _train,
    "add_class": _add_class,
    "rename_class": _rename_class,
    "delete_class": _delete_class,
    "label": _label,
    "remove": _remove,
    "protect": _protect,
    "release": _protect,
}
