"""Django's own pages of people and groups."""

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest

from classifier.admin.lookups import CarefulLookups
from classifier.forms.accounts import AdminSignInForm
from classifier.models import Upload
from classifier.services.deletion import delete_account

admin.site.unregister([Group, User])
admin.site.login_form = AdminSignInForm


@admin.register(User)
class PersonAdmin(CarefulLookups, UserAdmin):
    def delete_model(self, request: HttpRequest, obj: User) -> None:
        delete_account(user=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset:
            delete_account(user=user)

    def get_deleted_objects(self, objs, request: HttpRequest):
        """The accounts, and how many uploads go with them: a large history is counted, not listed."""
        uploads = Upload.objects.filter(owner__in=objs).count()
        kinds = {Upload: uploads, User: len(objs)}
        needed = {
            kind._meta.verbose_name
            for kind, count in kinds.items()
            if count and not request.user.has_perm(f"{kind._meta.app_label}.delete_{kind._meta.model_name}")
        }
        counts = {kind._meta.verbose_name_plural: count for kind, count in kinds.items() if count}
        return [str(user) for user in objs], counts, needed, []


@admin.register(Group)
class CarefulGroupAdmin(CarefulLookups, GroupAdmin):
    pass
