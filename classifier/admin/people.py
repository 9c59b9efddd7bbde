"""Django's own pages of people and groups."""

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User

from classifier.admin.lookups import CarefulLookups
from classifier.forms.accounts import AdminSignInForm

admin.site.unregister([Group, User])
admin.site.login_form = AdminSignInForm


@admin.register(User)
class PersonAdmin(CarefulLookups, UserAdmin):
    pass


@admin.register(Group)
class CarefulGroupAdmin(CarefulLookups, GroupAdmin):
    pass
