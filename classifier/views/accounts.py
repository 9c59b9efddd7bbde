"""Accounts: signing up; the rest is django.contrib.auth."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import PasswordChangeView
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from classifier.forms.accounts import ChangePasswordForm, DeleteAccountForm, SignUpForm
from classifier.services.deletion import delete_account as delete


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_up(request: HttpRequest) -> HttpResponse:
    """Make an account and sign in to it, keeping what was uploaded before."""
    if request.user.is_authenticated:
        return redirect("home")
    form = SignUpForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            user = form.save()
        except IntegrityError:
            form.say_taken()
        else:
            # The first way to sign in counts failures and knows nobody.
            login(request, user, backend=settings.AUTHENTICATION_BACKENDS[-1])
            return redirect("history")
    return render(request, "registration/sign_up.html", {"form": form}, status=400 if form.errors else 200)


class ChangePassword(PasswordChangeView):
    """Django's own, whose form counts wrong passwords."""

    form_class = ChangePasswordForm

    def get_form_kwargs(self) -> dict:
        return {**super().get_form_kwargs(), "request": self.request}


@sensitive_post_parameters()
@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete_account(request: HttpRequest) -> HttpResponse:
    """Ask for the password, then delete the account with all that is the person's."""
    form = DeleteAccountForm(request.user, request.POST or None, request=request)
    if request.method == "POST" and form.is_valid():
        delete(user=request.user)
        logout(request)
        messages.success(request, _("Your account and everything in it were deleted."))
        return redirect("home")
    return render(request, "registration/delete_account.html", {"form": form}, status=400 if form.errors else 200)
