"""Accounts: what the site adds to django.contrib.auth."""

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth import login, logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView, LogoutView, PasswordChangeView
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from classifier.forms.accounts import ChangeEmailForm, ChangePasswordForm, DeleteAccountForm, SignInForm, SignUpForm
from classifier.services.history.deletion import delete_account as delete
from classifier.services.people.invitations import InvitationNotValid, may_sign_up, use_invitation
from classifier.services.people.ownership import claim
from classifier.services.people.password_reset import change_email as change
from classifier.services.people.password_reset import sends_mail
from classifier.web.pupils import not_for_pupils
from classifier.web.requests import AccountRequest
from classifier.web.visitors import forget_visitor, is_left, leave_visitor, visitor_of

_BACKEND = "django.contrib.auth.backends.ModelBackend"


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_up(request: HttpRequest, invitation: str = "") -> HttpResponse:
    """Make an account and sign in to it, with the uploads of this browser if the person wants them.

    invitation: the secret of one, where the site asks for it.
    """
    if request.user.is_authenticated:
        return redirect("home")
    if not may_sign_up(secret=invitation):
        return _refuse_sign_up(request, invitation)
    form = SignUpForm(request.POST or None, visitor=visitor_of(request), is_left=is_left(request))
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                user = form.save()
                use_invitation(secret=invitation, user=user)
        except InvitationNotValid:
            return _refuse_sign_up(request, invitation)
        except IntegrityError:
            form.say_taken()
        else:
            login(request, user, backend=_BACKEND)
            _take_uploads(request, form)
            return redirect("history")
    return render(request, "registration/sign_up.html", {"form": form}, status=400 if form.errors else 200)


def _refuse_sign_up(request: HttpRequest, invitation: str) -> HttpResponse:
    return render(request, "registration/sign_up_refused.html", {"is_invited": bool(invitation)}, status=403)


class SignIn(LoginView):
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def get_form_kwargs(self) -> dict:
        return {**super().get_form_kwargs(), "visitor": visitor_of(self.request), "is_left": is_left(self.request)}

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        _take_uploads(self.request, form)
        return response


class SignOut(LogoutView):
    """Leaves a visitor's uploads that no account has taken within reach of the browser."""

    def post(self, request: HttpRequest, *args, **kwargs) -> HttpResponse:
        visitor = visitor_of(request)
        response = super().post(request, *args, **kwargs)
        if visitor is not None:
            leave_visitor(request, visitor)
        return response


def _take_uploads(request: HttpRequest, form: SignInForm | SignUpForm) -> None:
    """After signing in: give the account the visitor's uploads if the person wants them."""
    visitor = visitor_of(request)
    if visitor is None:
        return
    if form.cleaned_data.get("takes_uploads"):
        claim(visitor=visitor, user=cast(User, request.user))
        forget_visitor(request)
    # The session is an account's from now on, and lasts as long as one.
    request.session.set_expiry(None)


@method_decorator(not_for_pupils, name="dispatch")
class ChangePassword(PasswordChangeView):
    """Django's own, whose form counts wrong passwords."""

    form_class = ChangePasswordForm

    def get_form_kwargs(self) -> dict:
        return {**super().get_form_kwargs(), "request": self.request}

    def get_context_data(self, **context) -> dict:
        return super().get_context_data(sends_mail=sends_mail(), **context)


@not_for_pupils
@sensitive_post_parameters("password")
@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def change_email(request: AccountRequest) -> HttpResponse:
    """Change the e-mail address, after checking the password; only if the site sends e-mail."""
    if not sends_mail():
        raise Http404
    form = ChangeEmailForm(request.user, request.POST or None, initial={"email": request.user.email}, request=request)
    if request.method == "POST" and form.is_valid():
        change(user=request.user, email=form.cleaned_data["email"])
        messages.success(request, _("The e-mail address was saved."))
        return redirect("password_change")
    return render(request, "registration/change_email.html", {"form": form}, status=400 if form.errors else 200)


@not_for_pupils
@sensitive_post_parameters()
@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete_account(request: AccountRequest) -> HttpResponse:
    """Ask for the password, then delete the account with all that is the person's. A teacher's groups come first."""
    form = DeleteAccountForm(request.user, request.POST or None, request=request)
    if request.method == "POST" and form.is_valid():
        delete(user=request.user)
        logout(request)
        messages.success(request, _("Your account and everything in it were deleted."))
        return redirect("home")
    return render(request, "registration/delete_account.html", {"form": form}, status=400 if form.errors else 200)
