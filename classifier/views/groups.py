"""A teacher's groups: their list, one with its pupils, and cards to sign in with."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core import signing
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from classifier.forms.groups import GroupActionForm, GroupForm, PupilsForm, full_group
from classifier.models import PupilGroup
from classifier.presentation.cards import ShownCard, cards_table, shown_cards
from classifier.presentation.qr_codes import qr_code
from classifier.services.groups import teaching
from classifier.services.groups.pupils import Card, GroupFull, NicknameTaken, add_pupils, issue_cards
from classifier.services.groups.work import pupils_with_counts
from classifier.services.history.export import safe_folder
from classifier.web.requests import AccountRequest

#: The cards are in the page alone, from which the table is made.
_CARDS_SECONDS = 8 * 60 * 60
SELECT_PUPILS = gettext_lazy("Nobody was selected. Select at least one pupil.")


@never_cache
@login_required
@permission_required(teaching.TEACH, raise_exception=True)
@require_http_methods(["GET", "HEAD", "POST"])
def groups(request: AccountRequest) -> HttpResponse:
    """The teacher's groups, and the form that creates one."""
    form = GroupForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        made = teaching.create_group(teacher=request.user, name=form.cleaned_data["name"])
        return redirect("group", made.pk)
    found = teaching.groups_of(request.user).annotate(pupil_count=Count("pupils"))
    context = {"form": form, "groups": found}
    return render(request, "classifier/groups/list.html", context, status=400 if form.errors else 200)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def group(request: HttpRequest, group_id: UUID) -> HttpResponse:
    """A group with its pupils. POST opens or changes it, adds pupils, or shows new cards."""
    found = own_group(request, group_id)
    if request.method != "POST":
        return _page(request, found, PupilsForm())
    if "nicknames" in request.POST:
        return _add(request, found)
    form = GroupActionForm(request.POST, group=found)
    if not form.is_valid():
        messages.warning(request, _("Some of these pupils no longer exist. Try again."))
        return redirect("group", found.pk)
    response = _ACTIONS[form.cleaned_data["action"]](request, found, form.cleaned_data)
    return response or redirect("group", found.pk)


@never_cache
@require_POST
def cards_csv(request: HttpRequest, group_id: UUID) -> HttpResponse:
    """The cards of the page as a table."""
    found = own_group(request, group_id)
    try:
        rows = signing.loads(request.POST.get("cards", ""), salt=_salt(found), max_age=_CARDS_SECONDS)
    except signing.BadSignature:
        messages.warning(request, _("The list has expired. Create new cards."))
        return redirect("group", found.pk)
    table = cards_table([ShownCard(*row) for row in rows], found, _join_address(request, found))
    response = HttpResponse(table, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = content_disposition_header(True, f"{safe_folder(found.name)}.csv") or "attachment"
    return response


def own_group(request: HttpRequest, group_id: UUID) -> PupilGroup:
    """The teacher's group. Raises Http404 if there is none, or if it is somebody else's."""
    return get_object_or_404(teaching.groups_of(request.user), pk=group_id)


def cards_page(request: HttpRequest, found: PupilGroup, cards: list[Card]) -> HttpResponse:
    """New cards, to be printed or downloaded: they are not shown again."""
    shown = shown_cards(cards, request.build_absolute_uri)
    rows = [(card.nickname, card.pin, card.link) for card in shown]
    signed = signing.dumps(rows, salt=_salt(found), compress=True)
    context = {"group": found, "cards": shown, "signed": signed, "address": _join_address(request, found)}
    return render(request, "classifier/groups/cards.html", context)


def _page(request: HttpRequest, found: PupilGroup, form: PupilsForm, status: int = 200) -> HttpResponse:
    address = _join_address(request, found)
    context = {
        "group": found,
        "form": form,
        "actions": GroupActionForm(group=found),
        "pupils": pupils_with_counts(found),
        "address": address,
        "qr": qr_code(address),
    }
    return render(request, "classifier/groups/group.html", context, status=status)


def _add(request: HttpRequest, found: PupilGroup) -> HttpResponse:
    form = PupilsForm(request.POST)
    if form.is_valid():
        try:
            return cards_page(request, found, add_pupils(group=found, nicknames=form.cleaned_data["nicknames"]))
        except NicknameTaken as error:
            form.add_error("nicknames", _("Already in the group: %(names)s.") % {"names": ", ".join(error.nicknames)})
        except GroupFull:
            form.add_error("nicknames", full_group())
    return _page(request, found, form, status=400)


def _open(request: HttpRequest, found: PupilGroup, sent: dict[str, Any]) -> None:
    teaching.open_joining(group=found, hours=sent["hours"])


def _close(request: HttpRequest, found: PupilGroup, sent: dict[str, Any]) -> None:
    teaching.close_joining(group=found)


def _replace_code(request: HttpRequest, found: PupilGroup, sent: dict[str, Any]) -> None:
    teaching.replace_code(group=found)
    messages.success(request, _("The group has a new code. The old one no longer works; PINs and links still do."))


def _rename(request: HttpRequest, found: PupilGroup, sent: dict[str, Any]) -> None:
    if sent["name"]:
        teaching.rename_group(group=found, name=sent["name"])


def _cards(request: HttpRequest, found: PupilGroup, sent: dict[str, Any]) -> HttpResponse | None:
    if sent["pupils"]:
        return cards_page(request, found, issue_cards(pupils=sent["pupils"]))
    messages.warning(request, SELECT_PUPILS)
    return None


_ACTIONS: dict[str, Callable[[HttpRequest, PupilGroup, dict[str, Any]], HttpResponse | None]] = {
    "open": _open,
    "close": _close,
    "replace_code": _replace_code,
    "rename": _rename,
    "cards": _cards,
}


def _join_address(request: HttpRequest, found: PupilGroup) -> str:
    return request.build_absolute_uri(reverse("join_group", args=[found.shown_code]))


def _salt(found: PupilGroup) -> str:
    return f"classifier.views.groups.{found.pk}"
