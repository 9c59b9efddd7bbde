"""Invitations: staff creates links and sees which were used."""

from typing import cast

from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from classifier.admin.read_only import ReadOnlyAdmin
from classifier.forms.invitations import InvitationsForm
from classifier.models import Invitation
from classifier.services.people.invitations import create_invitations


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "works", "created_by", "created_at", "expires_at", "used_by", "used_at")
    list_select_related = ("created_by", "used_by")
    fields = readonly_fields = ("note", "works", "created_by", "created_at", "expires_at", "used_by", "used_at")

    @admin.display(description=gettext_lazy("usable"), boolean=True)
    def works(self, invitation: Invitation) -> bool:
        return invitation.works

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("classifier.add_invitation")

    def has_delete_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:
        return request.user.has_perm("classifier.delete_invitation")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict | None = None) -> HttpResponse:
        """Ask how many, create them, and show their links once."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = InvitationsForm(request.POST or None)
        context = {**self.admin_site.each_context(request), "opts": self.opts, "form": form}
        if request.method != "POST" or not form.is_valid():
            return TemplateResponse(request, "admin/invite.html", {**context, "title": _("Create invitations")})
        secrets = create_invitations(**form.cleaned_data, by=cast(User, request.user))
        paths = (reverse("sign_up_invited", args=[secret]) for secret in secrets)
        links = [(number, request.build_absolute_uri(path)) for number, path in enumerate(paths, start=1)]
        advice = _("Send each person their own link. It works for one account. It is not shown again.")
        context |= {"title": _("Invitations"), "advice": advice, "links": links, "column": _("No.")}
        return TemplateResponse(request, "admin/links.html", context)
