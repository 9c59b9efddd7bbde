"""Pages about the API: its OpenAPI schema, its reference and its kinds of problems."""

from collections.abc import Iterable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.exceptions import NotFound
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.permissions import AllowAny
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from classifier.api.authentication import PagesSession
from classifier.api.problems import INVALID, KEY_REUSED, READ_ONLY_TOKEN, TITLES
from classifier.web.headers import with_previews


class FormatInAddress(DefaultContentNegotiation):
    """Reads `?format=json` too, as drf-spectacular says."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return super().select_renderer(request, renderers, format_suffix or request.query_params.get("format"))


# The largest text of the site, and the same for everybody: there is no secret in it whose length could be found out.
schema = gzip_page(SpectacularAPIView.as_view(content_negotiation_class=FormatInAddress))
# It shows the image that was downloaded.
docs = with_previews(
    SpectacularSwaggerSplitView.as_view(
        url_name="api_schema",
        template_name="api/docs.html",
        # The page's header says who has signed in.
        authentication_classes=[PagesSession],
    )
)


# There is nothing to forge, and the answer to any other method is that there is none.
@csrf_exempt
@require_safe
def problems(request: HttpRequest) -> HttpResponse:
    """The page to which the `type` of a problem links."""
    titles = {"invalid": TITLES[INVALID], "reused": TITLES[KEY_REUSED], "read_only": TITLES[READ_ONLY_TOKEN]}
    return render(request, "api/problems.html", {"titles": titles})


class Nothing(APIView):
    """Any other address below the API's: its answer is a problem, no page."""

    authentication_classes = []
    permission_classes = [AllowAny]
    schema = None

    def initial(self, request: Request, *args, **kwargs) -> None:
        super().initial(request, *args, **kwargs)
        text = _("This address does not exist.")
        if not request.path.endswith("/"):
            text = " ".join([text, _("All API addresses end with a slash.")])
        raise NotFound(text)
