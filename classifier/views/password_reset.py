"""Choosing a new password with a link, after the old one was forgotten."""

from typing import Any

from django.conf import settings
from django.contrib.auth.views import PasswordResetConfirmView, PasswordResetView
from django.http import HttpRequest, HttpResponse

from classifier.forms.password_reset import ForgottenPasswordForm, NewPasswordForm
from classifier.services.people.lockout import forget_failures
from classifier.services.people.password_reset import sends_mail


class ForgottenPassword(PasswordResetView):
    """Django's own; where the site sends no e-mail it says who creates a link."""

    form_class = ForgottenPasswordForm
    extra_email_context = {"site_name": settings.SITE_NAME}

    def get_context_data(self, **context) -> dict:
        return super().get_context_data(sends_mail=sends_mail(), **context)

    def post(self, request: HttpRequest, *args, **kwargs) -> HttpResponse:
        if not sends_mail():
            return self.get(request, *args, **kwargs)
        return super().post(request, *args, **kwargs)


class NewPassword(PasswordResetConfirmView):
    """Django's own; a link that does not work has the status 404, and one that does opens a locked account."""

    form_class = NewPasswordForm

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        forget_failures(user=form.user, request=self.request)
        return response

    def render_to_response(self, context: dict, **options) -> HttpResponse:
        return super().render_to_response(context, status=200 if self.validlink else 404, **options)
