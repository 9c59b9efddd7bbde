"""Pages of the published models, public: the list, and each with its card."""

from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from classifier.models import ModelVersion
from classifier.presentation.model_pages import VersionPage, plot_file


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


@require_safe
def plot(request: HttpRequest, name: str, number: int, path: str) -> FileResponse:
    """A picture from a version's folder."""
    version = get_object_or_404(ModelVersion, name=name, number=number)
    file = plot_file(version, path)
    if file is None:
        raise Http404
    response = FileResponse(file.open("rb"), content_type="image/png")
    response["Cache-Control"] = "public, max-age=3600"
    return response
