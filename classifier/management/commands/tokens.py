"""manage.py tokens: create, list and revoke API tokens."""

from uuid import UUID

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from classifier.models import ApiToken
from classifier.services.history.identifiers import as_uuid
from classifier.services.people.tokens import (
    PERIODS,
    BadName,
    NoSuchToken,
    active_tokens,
    create_token,
    revoke_token,
    tokens_of,
)


class Command(BaseCommand):
    help = "Create, list and revoke API tokens."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        create = actions.add_parser("create", help="Create a token for an account and print it. It is not shown again.")
        create.add_argument("user")
        create.add_argument("name", help="The name of the token in lists.")
        create.add_argument("--scope", choices=ApiToken.Scope.values, default=ApiToken.Scope.READ.value)
        create.add_argument(
            "--days", type=int, choices=PERIODS, default=PERIODS[1], help="The number of days until it expires."
        )
        show = actions.add_parser("list", help="List the active tokens of one account, or of all.")
        show.add_argument("user", nargs="?")
        revoke = actions.add_parser("revoke", help="Revoke a token.")
        revoke.add_argument("number", help="The token's ID, as shown by list.")

    def handle(self, *, action: str, **options) -> None:
        getattr(self, f"_{action}")(options)

    def _create(self, options: dict) -> None:
        user, name = _find(options["user"]), options["name"]
        try:
            _row, token = create_token(user=user, name=name, scope=options["scope"], days=options["days"])
        except BadName as error:
            raise CommandError(str(error)) from error
        self.stdout.write(token)

    def _list(self, options: dict) -> None:
        tokens = tokens_of(_find(options["user"])) if options["user"] else active_tokens()
        for token in tokens:
            self.stdout.write(
                f"{token.public_id}  {token.expiry:%Y-%m-%d}  {token.scope:<5}  {token.user.get_username()}: {token}"
            )

    def _revoke(self, options: dict) -> None:
        try:
            token = revoke_token(number=_number(options["number"]))
        except NoSuchToken as error:
            raise CommandError(f"{error} See: manage.py tokens list") from error
        self.stdout.write(f"The token {token} of {token.user.get_username()} was revoked.")


def _find(username: str) -> User:
    user = get_user_model().objects.filter(username=username).first()
    if user is None:
        raise CommandError(f"There is no account {username!r}.")
    return user


def _number(text: str) -> UUID:
    number = as_uuid(text)
    if number is None:
        raise CommandError(f"{text!r} is not a token ID. See: manage.py tokens list")
    return number
