"""The API tokens of an account."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from classifier.forms.tokens import TokenForm
from classifier.services.people.tokens import NoSuchToken, create_token, revoke_token, tokens_of
from classifier.web.pupils import not_for_pupils
from classifier.web.requests import AccountRequest


@never_cache
@not_for_pupils
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def tokens(request: AccountRequest) -> HttpResponse:
    """The tokens and the form for one more; the answer to the form alone shows the new token."""
    form, secret = TokenForm(), ""
    if request.method == "POST":
        form = TokenForm(request.POST)
        if form.is_valid():
            _row, secret = create_token(user=request.user, **form.cleaned_data)
            form = TokenForm()
    context = {"form": form, "secret": secret, "tokens": tokens_of(request.user)}
    return render(request, "registration/tokens.html", context, status=400 if form.errors else 200)


@never_cache
@require_POST
def revoke(request: HttpRequest, number: UUID) -> HttpResponse:
    """Take one of the person's tokens back. To somebody who is not signed in any more there is none."""
    if not request.user.is_authenticated:
        raise Http404
    try:
        token = revoke_token(number=number, user=request.user)
    except NoSuchToken as error:
        raise Http404 from error
    messages.success(request, _("The token “%(name)s” was revoked.") % {"name": token.name})
    return redirect("tokens")
