"""Django's user and group pages, on which nobody grants more rights than they have.

Staff with the permissions for accounts manage those that are not staff. Only superusers manage staff and rights.
"""

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from classifier.admin.lookups import CarefulLookups
from classifier.forms.accounts import AdminSignInForm
from classifier.models import Upload
from classifier.services.groups.teaching import let_teach
from classifier.services.history.deletion import delete_account
from classifier.services.people.password_reset import reset_path

admin.site.unregister([Group, User])
admin.site.login_form = AdminSignInForm
#: The permissions that only a superuser may grant.
_RIGHTS = ("is_staff", "is_superuser", "groups", "user_permissions")


@admin.register(User)
class PersonAdmin(CarefulLookups, UserAdmin):
    actions = ("create_reset_links", "allow_to_teach", "forbid_to_teach")

    @admin.action(description=gettext_lazy("Create links to choose a new password"), permissions=["change"])
    def create_reset_links(self, request: HttpRequest, queryset: QuerySet[User]) -> TemplateResponse:
        """Show a link for each account that may be managed; the link is stored nowhere."""
        links = []
        for user in queryset:
            if self.has_change_permission(request, user):
                self.log_change(request, user, _("Created a link to choose a new password."))
                links.append((user.get_username(), request.build_absolute_uri(reset_path(user))))
        context = {**self.admin_site.each_context(request), "title": _("Links to choose a new password")}
        advice = _("Send each person their own link. It works once, for one day. It is not shown again.")
        context |= {
            "advice": advice,
            "column": _("Account"),
            "links": links,
            "refused": queryset.count() - len(links),
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/links.html", context)

    @admin.action(description=gettext_lazy("Allow to teach groups of pupils"), permissions=["teachers"])
    def allow_to_teach(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._let_teach(request, queryset, may=True)

    @admin.action(description=gettext_lazy("No longer allow to teach groups of pupils"), permissions=["teachers"])
    def forbid_to_teach(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._let_teach(request, queryset, may=False)

    def has_teachers_permission(self, request: HttpRequest) -> bool:
        """Staff who may change groups of pupils say who teaches: the right opens nothing of other people."""
        return request.user.has_perm("classifier.change_pupilgroup") and self.has_change_permission(request)

    def _let_teach(self, request: HttpRequest, queryset: QuerySet[User], *, may: bool) -> None:
        users = [user for user in queryset.filter(pupil=None) if self.has_change_permission(request, user)]
        for user in users:
            let_teach(user=user, may=may)
            self.log_change(request, user, _("Allowed to teach.") if may else _("No longer allowed to teach."))
        text = ngettext("%(count)d account was changed.", "%(count)d accounts were changed.", len(users))
        self.message_user(request, text % {"count": len(users)})

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        fields = tuple(super().get_readonly_fields(request, obj))
        return fields if request.user.is_superuser else (*fields, *_RIGHTS)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and _may_manage(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _may_manage(request, obj)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        delete_account(user=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset:
            delete_account(user=user)

    def get_deleted_objects(self, objs, request: HttpRequest):
        """List the accounts, and only count their uploads, which may be many."""
        uploads = Upload.objects.filter(owner__in=objs).count()
        kinds = {Upload: uploads, User: len(objs)}
        needed = {
            kind._meta.verbose_name
            for kind, count in kinds.items()
            if count and not request.user.has_perm(f"{kind._meta.app_label}.delete_{kind._meta.model_name}")
        }
        if not all(_may_manage(request, obj) for obj in objs):
            needed.add(_("staff accounts"))
        counts = {kind._meta.verbose_name_plural: count for kind, count in kinds.items() if count}
        return [str(user) for user in objs], counts, needed, []


def _may_manage(request: HttpRequest, person: User | None) -> bool:
    """Whether the current user may change this account, or any account if None."""
    return person is None or request.user.is_superuser or not (person.is_staff or person.is_superuser)


@admin.register(Group)
class CarefulGroupAdmin(CarefulLookups, GroupAdmin):
    """Only superusers change groups: staff in a group could give itself every permission."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return request.user.is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return request.user.is_superuser
