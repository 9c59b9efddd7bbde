"""Forms of the history: search, and actions on selected predictions."""

from typing import Any, cast
from uuid import UUID

from crispy_forms.helper import FormHelper
from crispy_forms.layout import Column, Layout, Row
from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from classifier.models import ModelVersion
from classifier.presentation.class_labels import class_label
from classifier.services.classifiers.answering import searchable
from classifier.services.history.identifiers import as_uuid
from classifier.services.history.search import Search
from classifier.services.people.ownership import Owner
from ml.classes import NONE_CLASS


class SearchForm(forms.Form):
    """The search of the history, in the query string so that a list can be bookmarked or sent."""

    name = forms.CharField(label=_("File name"), max_length=255, widget=forms.TextInput(attrs={"type": "search"}))
    answer = forms.ChoiceField(label=_("Class"))
    state = forms.ChoiceField(
        label=_("Status"),
        choices=[
            ("", _("Any")),
            ("answered", _("Answered")),
            ("abstained", _("No answer")),
            ("unchecked", _("Not reviewed")),
            ("corrected", _("Reviewed")),
            ("right", _("Reviewed: correct")),
            ("wrong", _("Reviewed: incorrect")),
        ],
    )
    lowest = forms.IntegerField(label=_("Min. confidence, %"), min_value=0, max_value=100)
    highest = forms.IntegerField(label=_("Max. confidence, %"), min_value=0, max_value=100)
    model = forms.ModelChoiceField(
        ModelVersion.objects.order_by("name", "-number").defer("card"), label=_("Model"), empty_label=_("Any")
    )
    classifier = forms.ChoiceField(label=_("Your classifier"))
    since = forms.DateField(label=_("From"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}))
    until = forms.DateField(label=_("To"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}))
    order = forms.ChoiceField(
        label=_("Sort by"),
        choices=[
            ("newest", _("Newest first")),
            ("oldest", _("Oldest first")),
            ("surest", _("Highest confidence first")),
            ("least_sure", _("Lowest confidence first")),
        ],
    )

    def __init__(self, data, *, owner: Owner) -> None:
        super().__init__(data)
        for field in self.fields.values():
            field.required = False
        classes = {name for names in ModelVersion.objects.values_list("card__class_names", flat=True) for name in names}
        own = searchable(owner)
        if own:
            choices = [("", _("Any")), *((str(one.id), one.name) for one in own)]
            cast(forms.ChoiceField, self.fields["classifier"]).choices = choices
            classes |= {name for one in own for name in one.class_names}
        else:
            del self.fields["classifier"]
        labels = sorted((str(class_label(name)), name) for name in classes - {NONE_CLASS})
        cast(forms.ChoiceField, self.fields["answer"]).choices = [
            ("", _("Any")),
            *((name, label) for label, name in labels),
            (NONE_CLASS, class_label(NONE_CLASS)),
        ]
        self.helper = FormHelper()
        self.helper.form_tag = False
        # It stands in the address, which people send to each other.
        self.helper.disable_csrf = True
        self.helper.layout = Layout(
            Row(
                Column("name"), Column("answer"), Column("state"), Column("model"), css_class="row-cols-1 row-cols-sm-2"
            ),
            Row(Column("since"), Column("until"), css_class="row-cols-2"),
            Row(Column("lowest"), Column("highest"), css_class="row-cols-1 row-cols-sm-2"),
            Row(Column("order"), *([Column("classifier")] if own else []), css_class="row-cols-1 row-cols-sm-2"),
        )

    def search(self) -> Search:
        """Return the search; an invalid field shows its error and does not filter."""
        self.is_valid()
        given = self.cleaned_data
        return Search(
            class_name=given.get("answer", ""),
            state=given.get("state", ""),
            lowest=_share(given.get("lowest")),
            highest=_share(given.get("highest")),
            model=given.get("model"),
            classifier=as_uuid(given.get("classifier") or ""),
            since=given.get("since"),
            until=given.get("until"),
            file_name=given.get("name", ""),
            order=given.get("order") or "newest",
        )

    @property
    def asked(self) -> bool:
        """Whether the list is anything but all of it."""
        return any(name != "order" and self.cleaned_data.get(name) not in (None, "") for name in self.fields)


class SelectionForm(forms.Form):
    """Predictions ticked in the history, and what is to be done with them."""

    predictions = forms.TypedMultipleChoiceField(coerce=UUID)
    action = forms.ChoiceField(choices=[(name, name) for name in ("download", "ask", "delete")])

    def __init__(self, data) -> None:
        super().__init__(data)
        # Ownership is not checked here: the view searches the person's own predictions.
        predictions: Any = self.fields["predictions"]
        predictions.valid_value = as_uuid


def asked_for(address: QueryDict) -> QueryDict:
    """The address without what asks for nothing: browsers send the fields that were left empty as well."""
    asked = address.copy()
    for name, values in address.lists():
        if not any(values) or name == "csrfmiddlewaretoken" or (name, values) == ("order", ["newest"]):
            del asked[name]
    return asked


def _share(percent: int | None) -> float | None:
    return None if percent is None else percent / 100
