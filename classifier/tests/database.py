"""The rows that `migrate` writes: put back from memory after a flush, as making them again takes long."""

from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.contenttypes.management import create_contenttypes
from django.db import transaction
from django.db.models import Model
from django.db.models.signals import post_migrate

from classifier.signals import register_shipped_models

_UID = "django.contrib.auth.management.create_permissions"


def remember_rows() -> None:
    """Let a flush put back all rows that there are now; `migrate` alone, which tells its plan, makes them anew."""
    site = apps.get_app_config("classifier")
    rows = {model: [*model._base_manager.all()] for model in apps.get_models(include_auto_created=True)}
    handlers: list[tuple[Callable[..., None], dict[str, Any]]] = [
        (create_permissions, {"dispatch_uid": _UID}),
        (create_contenttypes, {}),
        (register_shipped_models, {"sender": site}),
    ]
    for handler, options in handlers:
        assert post_migrate.disconnect(handler, **options), handler
        post_migrate.connect(_after_migrate(handler), weak=False, **options)

    def put_back(sender: object, using: str, **told: Any) -> None:
        if "plan" not in told:
            _insert(rows, using)

    post_migrate.connect(put_back, sender=site, weak=False)


def _after_migrate(handler: Callable[..., None]) -> Callable[..., None]:
    def handle(**told: Any) -> None:
        if "plan" in told:
            handler(**told)

    return handle


def _insert(rows: dict[type[Model], list[Model]], using: str) -> None:
    # One may refer to another of a later table, which is looked at when they are committed.
    with transaction.atomic(using):
        for model, objects in rows.items():
            model._base_manager.using(using).bulk_create(objects)
