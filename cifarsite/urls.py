"""The site's addresses."""

from django.contrib import admin
from django.urls import include, path
from django.utils.translation import gettext_lazy as _

admin.site.site_header = _("CIFAR-10 classifier: administration")
admin.site.site_title = _("CIFAR-10 classifier")
admin.site.index_title = _("Models and results")

urlpatterns = [
    path("", include("classifier.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
]
