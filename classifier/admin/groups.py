"""Groups of pupils: staff sees them, and gives one to another teacher."""

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from classifier.admin.lookups import CarefulLookups
from classifier.models import PupilGroup
from classifier.services.groups.ending import delete_group


@admin.register(PupilGroup)
class PupilGroupAdmin(CarefulLookups, admin.ModelAdmin):
    list_display = ("name", "teacher", "pupil_count", "open_until", "created_at")
    list_select_related = ("teacher",)
    search_fields = ("name", "teacher__username")
    fields = ("name", "teacher", "open_until", "created_at")
    readonly_fields = ("open_until", "created_at")
    raw_id_fields = ("teacher",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PupilGroup]:
        return super().get_queryset(request).annotate(pupil_count=Count("pupils"))

    @admin.display(description=gettext_lazy("pupils"), ordering="pupil_count")
    def pupil_count(self, group: PupilGroup) -> int:
        return group.pupil_count  # type: ignore[attr-defined]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Teachers create their groups themselves."""
        return False

    def delete_model(self, request: HttpRequest, obj: PupilGroup) -> None:
        delete_group(group=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[PupilGroup]) -> None:
        for group in queryset:
            delete_group(group=group)

    def get_deleted_objects(self, objs, request: HttpRequest):
        """Count the pupils instead of listing everything that is theirs."""
        pupils = sum(group.pupils.count() for group in objs)
        needed = set() if request.user.has_perm("auth.delete_user") or not pupils else {gettext_lazy("accounts")}
        counts = {self.opts.verbose_name_plural: len(objs), gettext_lazy("pupils"): pupils}
        return [str(group) for group in objs], counts, needed, []
