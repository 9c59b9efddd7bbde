"""Pages of the published models, public: the list, and each with its card."""

from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from classifier.forms.comparison import ComparisonForm
from classifier.models import ModelVersion
from classifier.presentation.model_comparison import curves_together, figures_side_by_side, settings_side_by_side
from classifier.presentation.model_pages import VersionPage
from classifier.presentation.model_pictures import picture_file
from classifier.services.models.comparison import difference_on_test, on_uploads
from classifier.services.models.downloads import HISTORY_CSV, find_download, history_csv, local_path
from classifier.services.people.ownership import predictions_of
from classifier.web.requests import owner_of
from classifier.web.tables import csv_response


@require_safe
def models(request: HttpRequest) -> HttpResponse:
    """Every version with its figures next to the others'."""
    pages = [VersionPage(version) for version in ModelVersion.objects.order_by("-active", "name", "-number")]
    return render(request, "classifier/models.html", {"pages": pages})


@require_safe
def model(request: HttpRequest, name: str) -> HttpResponse:
    """All versions of a name, the newest first."""
    pages = [VersionPage(version) for version in ModelVersion.objects.filter(name=name).order_by("-number")]
    if not pages:
        raise Http404
    return render(request, "classifier/model.html", {"name": name, "pages": pages})


@never_cache
@require_safe
def compare(request: HttpRequest) -> HttpResponse:
    """Two versions side by side: figures, settings, curves, and the person's own uploads that both have classified."""
    form = ComparisonForm(request.GET or None)
    if not form.is_valid():
        return render(request, "classifier/compare.html", {"form": form}, status=400 if form.is_bound else 200)
    first, second = (VersionPage(version) for version in form.cleaned_data["model"])
    context = {
        "form": form,
        "pages": [first, second],
        "difference": difference_on_test(first.version, second.version),
        "figures": figures_side_by_side(first, second),
        "settings": settings_side_by_side(first, second),
        "curves": curves_together(first, second),
        "on_uploads": on_uploads(first.version, second.version, predictions_of(owner_of(request))),
    }
    return render(request, "classifier/compare.html", context)


@require_safe
def file(request: HttpRequest, name: str, number: int, path: str) -> HttpResponse | FileResponse:
    """One of the files of a version that anyone may download."""
    version = get_object_or_404(ModelVersion, name=name, number=number)
    found = find_download(version, path)
    if found is None:
        raise Http404
    file_name = f"{name}-{number}-{path.replace('/', '-')}"
    if found.name == HISTORY_CSV:
        return csv_response(history_csv(version, found.network), file_name)
    return FileResponse(
        local_path(version, found).open("rb"),
        as_attachment=True,
        filename=file_name,
        content_type="application/octet-stream",
    )


@require_safe
def plot(request: HttpRequest, name: str, number: int, path: str) -> FileResponse:
    """A picture from a version's folder."""
    version = get_object_or_404(ModelVersion, name=name, number=number)
    file = picture_file(version, path)
    if file is None:
        raise Http404
    response = FileResponse(file.open("rb"), content_type="image/png")
    response["Cache-Control"] = "public, max-age=3600"
    return response
