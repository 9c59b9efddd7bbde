"""Rendering of every form, the admin's too: the first invalid field gets the focus."""

from django.forms import BoundField, Widget
from django.forms.renderers import DjangoTemplates


class FocusedField(BoundField):
    """Has the focus if it is the first field with an error; where there is one, no other field has it."""

    def build_widget_attrs(self, attrs: dict, widget: Widget | None = None) -> dict:
        attrs = super().build_widget_attrs(attrs, widget)
        if self.form.is_bound and self.form.errors:
            attrs["autofocus"] = self.name == first_wrong(self.form)
        return attrs


class Renderer(DjangoTemplates):
    bound_field_class = FocusedField


def first_wrong(form) -> str | None:
    """The first field with an error that can be seen; None where the errors are of the whole form."""
    seen = (name for name, field in form.fields.items() if not field.widget.is_hidden)
    return next((name for name in seen if name in form.errors), None)
