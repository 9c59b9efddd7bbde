"""Pupils: join a group with its code, sign in with a PIN or a link, and see what is theirs."""

from django.contrib.auth import authenticate
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from classifier.forms.groups import CodeForm, JoinForm, PinForm, full_group
from classifier.models import PupilGroup
from classifier.presentation.cards import shown_pin
from classifier.services.groups.limits import seconds_locked
from classifier.services.groups.names import fold_nickname
from classifier.services.groups.pupils import GroupFull, JoiningClosed, NicknameTaken
from classifier.services.groups.pupils import join as join_as
from classifier.services.groups.sign_in import pupil_of_link
from classifier.services.groups.teaching import group_with_code
from classifier.services.operations import metrics
from classifier.services.people.throttling import say_when
from classifier.web.pupils import pupil_of, sign_in_pupil


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest) -> HttpResponse:
    """Ask for the code of a group."""
    form = CodeForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        found = group_with_code(form.cleaned_data["code"])
        if found is not None:
            return redirect("join_group", found.shown_code)
        form.add_error("code", _("No group has this code. Check it with your teacher."))
    return render(request, "classifier/groups/join.html", {"form": form}, status=400 if form.errors else 200)


@sensitive_post_parameters("pin")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def join_group(request: HttpRequest, code: str) -> HttpResponse:
    """Join the group with this code, if it is open, or sign in to it."""
    found = group_with_code(code)
    if found is None:
        form = CodeForm({"code": code[:40]})
        form.add_error("code", _("No group has this code. Check it with your teacher."))
        return render(request, "classifier/groups/join.html", {"form": form}, status=404)
    if request.method != "POST":
        return _page(request, found, JoinForm(auto_id="join_%s"), PinForm())
    return _join(request, found) if request.POST.get("action") == "join" else _sign_in(request, found)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def pupil_link(request: HttpRequest, token: str) -> HttpResponse:
    """Ask the pupil of the link, then sign in: a program that only looks at the address does not."""
    pupil = pupil_of_link(token)
    if pupil is not None and request.method == "POST":
        sign_in_pupil(request, pupil.user)
        return redirect("home")
    return render(request, "classifier/groups/link.html", {"linked": pupil}, status=200 if pupil else 404)


@never_cache
@login_required
@require_safe
def pupil_account(request: HttpRequest) -> HttpResponse:
    """What a pupil can do with the own data; other people have a page for that already."""
    if pupil_of(request) is None:
        return redirect("password_change")
    return render(request, "classifier/groups/account.html")


def _join(request: HttpRequest, found: PupilGroup) -> HttpResponse:
    form = JoinForm(request.POST, auto_id="join_%s")
    if form.is_valid():
        try:
            card = join_as(group=found, nickname=form.cleaned_data["nickname"])
        except JoiningClosed:
            form.add_error(None, _("Joining is closed. Ask your teacher to open it."))
        except NicknameTaken:
            form.add_error("nickname", _("Somebody in the group has this nickname. Choose another one."))
        except GroupFull:
            form.add_error(None, full_group())
        else:
            sign_in_pupil(request, card.pupil.user)
            context = {"group": found, "nickname": card.pupil.nickname, "pin": shown_pin(card.pin)}
            return render(request, "classifier/groups/joined.html", context)
    return _page(request, found, form, PinForm(), status=400)


def _sign_in(request: HttpRequest, found: PupilGroup) -> HttpResponse:
    form = PinForm(request.POST)
    if form.is_valid():
        user = authenticate(request, group=found, **form.cleaned_data)
        if isinstance(user, User):
            sign_in_pupil(request, user)
            return redirect("home")
        if seconds := seconds_locked(group=found, folded_nickname=fold_nickname(form.cleaned_data["nickname"])):
            metrics.record_locked_out()
            text = _("Too many wrong PINs. Your teacher can give you a new one.")
            form.add_error(None, f"{text} {say_when(seconds)}")
        else:
            form.add_error(None, _("This nickname and PIN do not belong together. Check both."))
    return _page(request, found, JoinForm(auto_id="join_%s"), form, status=400)


def _page(
    request: HttpRequest, found: PupilGroup, join_form: JoinForm, pin_form: PinForm, status: int = 200
) -> HttpResponse:
    context = {"group": found, "join_form": join_form, "pin_form": pin_form}
    return render(request, "classifier/groups/join_group.html", context, status=status)
