"""The admin's overview: recent activity and items to review."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from classifier.presentation.charts import bars
from classifier.services.history.overview import Overview, overview

PERIODS = (7, 30, 90)


def overview_page(request: HttpRequest) -> HttpResponse:
    """Figures of the last 7, 30 or 90 days, and the queues of uncertain, wrong and slow predictions."""
    if not request.user.has_perm("classifier.view_prediction"):
        raise PermissionDenied
    asked = request.GET.get("days", "")
    days = int(asked) if asked in map(str, PERIODS) else 30
    found = overview(days=days)
    context = {
        **admin.site.each_context(request),
        "title": _("Overview"),
        "overview": found,
        "charts": _charts(found),
        "days": days,
        "periods": PERIODS,
    }
    return TemplateResponse(request, "admin/overview.html", context)


def _charts(found: Overview) -> list[str]:
    return [
        bars(_("Predictions per day"), [(day.day, day.count) for day in found.days], whole=True),
        bars(_("Mean confidence"), [(day.day, day.confidence) for day in found.days]),
        bars(_("Share without an answer"), [(day.day, day.abstained) for day in found.days]),
        bars(_("Share reviewed"), [(day.day, day.corrected) for day in found.days]),
    ]
