"""Django's own pages of people and groups."""

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User

from classifier.admin.lookups import CarefulLookups

admin.site.unregister([Group, User])


@admin.register(User)
class PersonAdmin(CarefulLookups, UserAdmin):
    pass


@admin.register(Group)
class CarefulGroupAdmin(CarefulLookups, GroupAdmin):
    pass
