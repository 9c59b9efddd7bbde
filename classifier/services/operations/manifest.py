"""The manifest of an archive. It may have been edited, so all of it is validated."""

import json
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar
from uuid import UUID

from django.db import connection
from django.db.migrations.loader import MigrationLoader

from classifier.services.operations.archive import ArchiveError

#: The format that `restore` reads; raise it when older versions could not read it.
FORMAT = 1
_LARGEST = 64 << 20

T = TypeVar("T")


@dataclass(frozen=True)
class Manifest:
    """uploads: how many have their files in the archive. deleted_meanwhile: rows in its database that have none.

    model_folders: where each version's folder was, as its row says, and where it is below the archive's models.
    """

    created_at: str
    uploads: int
    deleted_meanwhile: list[UUID]
    model_folders: dict[str, str]


def read_manifest(content: BinaryIO) -> Manifest:
    """Return the manifest of an archive that this version can restore. Raises ArchiveError."""
    text = content.read(_LARGEST + 1)
    if len(text) > _LARGEST:
        raise _edited("it is too large")
    try:
        values = json.loads(text)
        _check_version(values)
        manifest = Manifest(
            _as(str, values["created_at"]),
            _as(int, values["uploads"]),
            [UUID(_as(str, number)) for number in _as(list, values["deleted_meanwhile"])],
            {before: _as(str, now) for before, now in _as(dict, values["model_folders"]).items()},
        )
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise _edited(str(error)) from error
    places = {f"{place}/" for place in manifest.model_folders.values()}
    if any(one != other and one.startswith(other) for one in places for other in places):
        raise _edited("its models lie within each other")
    return manifest


def _check_version(values: dict[str, Any]) -> None:
    known = {*MigrationLoader(None).disk_migrations}
    migrations = {(_as(str, app), _as(str, name)) for app, name in values["migrations"]}
    newer = sorted(migrations - known)
    if _as(int, values["format"]) > FORMAT or newer:
        what = f" (its database has {'.'.join(newer[-1])})" if newer else ""
        raise ArchiveError(
            f"The archive was made by a newer version of the site{what}. Install that version and retry."
        )
    if _as(str, values["database"]) != connection.vendor:
        raise ArchiveError(
            f"The archive has a database of the kind {values['database']}, this site one of the kind "
            f"{connection.vendor}. Set DATABASE_URL to one of the archive's kind."
        )


def _as(kind: type[T], value: object) -> T:
    if not isinstance(value, kind):
        raise TypeError(f"{str(value)[:50]!r} is no {kind.__name__}")
    return value


def _edited(why: str) -> ArchiveError:
    return ArchiveError(f"The archive's manifest.json is not one of a backup: {why}. Use another archive.")
