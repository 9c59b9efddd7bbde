"""The site's addresses."""

from django.conf import settings
from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.utils.functional import lazy
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.views.generic import RedirectView
from django.views.i18n import set_language

from classifier.admin.overview import overview_page
from classifier.services.people.throttling import Throttle
from classifier.web.limits import staff_only, unlimited

admin.site.site_header = format_lazy(_("{site}: admin"), site=settings.SITE_NAME)
admin.site.site_title = settings.SITE_NAME
admin.site.index_title = _("Models and results")

#: Also for what goes wrong outside of the views, where no other part of the site can answer.
handler400 = "classifier.web.errors.bad_request"
handler403 = "classifier.web.errors.not_allowed"
handler404 = "classifier.web.errors.not_found"
handler500 = "classifier.web.unavailable.server_error"

urlpatterns = [
    path("", include("classifier.urls")),
    path("api/", include("classifier.api.urls")),
    path("i18n/setlang/", unlimited(set_language), name="set_language"),
    path("admin/overview/", unlimited(admin.site.admin_view(overview_page)), name="overview"),
    # One form for everybody: the admin's own would not count wrong passwords.
    path("admin/password_change/", unlimited(RedirectView.as_view(pattern_name="password_change"))),
    path(
        "admin/password_reset/",
        unlimited(RedirectView.as_view(pattern_name="password_reset")),
        name="admin_password_reset",
    ),
    path(
        "admin/",
        staff_only(admin.site.urls, login={"POST": Throttle.SIGN_IN}, password_change={"POST": Throttle.SIGN_IN}),
    ),
    # Browsers ask for it on pages that name no icon, such as the admin's.
    path("favicon.ico", unlimited(RedirectView.as_view(url=lazy(static, str)("classifier/icon.svg")))),
]
