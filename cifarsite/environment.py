"""Read the environment: declared settings with their descriptions, their validators, and the secret key."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key
from environs import Env, ValidationError
from limits import parse


@dataclass(frozen=True)
class Setting:
    """An environment variable as docs/settings.md shows it; `default` is Markdown."""

    section: str
    name: str
    default: str
    help: str


class DocumentedEnv:
    """environs.Env whose methods also take `help`, which is required, and `shown`, the default in words.

    `settings` has every variable that was read, in order. Paths are shown relative to `base`.
    """

    def __init__(self, base: Path) -> None:
        self.settings: list[Setting] = []
        self._env, self._base, self._section = Env(), base, ""

    def read(self, file: Path) -> None:
        """Add what a `.env` file has to the environment; variables that are set already stay."""
        self._env.read_env(file, recurse=False)

    def section(self, title: str) -> None:
        """Begin a table of docs/settings.md."""
        self._section = title

    def __getattr__(self, kind: str) -> Callable[..., Any]:
        method = getattr(self._env, kind)

        def read(name: str, default: Any, *, help: str, shown: str | None = None, **options: Any) -> Any:
            words = self._words(default) if shown is None else shown
            self.settings.append(Setting(self._section, name, words, help))
            return method(name, default, **options)

        return read

    def _words(self, default: Any) -> str:
        if isinstance(default, bool):
            return "on" if default else "off"
        if isinstance(default, Path):
            default = default.relative_to(self._base)
        return f"`{default}`" if default or default == 0 else ""


def secret_key(value: str, file: Path | None) -> str:
    """Return SECRET_KEY itself, or the one kept in `file`, which is made on first use, readable by its owner alone.

    Raises ImproperlyConfigured when there is neither, when the key is too short or repeats a few characters, or when
    other users may write the file.
    """
    if value:
        key = value
    elif file is not None:
        key = _kept_key(file)
    else:
        raise ImproperlyConfigured(
            "SECRET_KEY is not set. Set it to 50 or more random characters, or set SECRET_KEY_FILE to a path where one "
            "may be made and kept. (With DEBUG=true one is made for you.)"
        )
    if len(key) < 32:
        raise ImproperlyConfigured("SECRET_KEY has fewer than 32 characters. Use 50 or more random ones.")
    if len(set(key)) < 8:
        raise ImproperlyConfigured("SECRET_KEY repeats a few characters. Use 50 or more random ones.")
    return key


def check_limit(value: str) -> str:
    """Return what it was given: "600/minute", "100 per 10 minutes" or "off". Raises ValidationError."""
    try:
        is_limit = value == "off" or parse(value).amount > 0
    except ValueError:
        is_limit = False
    if not is_limit:
        raise ValidationError('Not a limit such as "600/minute", "100 per 10 minutes" or "off".')
    return value


def check_bucket(value: str) -> str:
    """Return what it was given: "" or "s3://bucket/prefix". Raises ValidationError."""
    if value and not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[\w.-]+)*/?", value, re.ASCII):
        raise ValidationError("Not an address such as s3://bucket or s3://bucket/prefix.")
    return value


def file_storage(url: str, *, endpoint: str, region: str, durable: bool) -> dict[str, Any]:
    """Return the storage of uploads for Django's STORAGES: the bucket of the address, or a local folder without one."""
    if not url:
        return {"BACKEND": f"classifier.storages.local.{'DurableStorage' if durable else 'LocalStorage'}"}
    bucket, _slash, prefix = url.removeprefix("s3://").strip("/").partition("/")
    options = {"bucket": bucket, "prefix": prefix, "endpoint": endpoint, "region": region}
    return {"BACKEND": "classifier.storages.objects.ObjectStorage", "OPTIONS": options}


def _kept_key(file: Path) -> str:
    if not file.exists():
        # Written aside and linked into place: of several processes that start at once, one wins and all read its key.
        aside = file.with_name(f"{file.name}.{os.getpid()}")
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
            opened.write(get_random_secret_key())
            opened.flush()
            os.fsync(opened.fileno())
        try:
            os.link(aside, file)
        except FileExistsError:
            pass
        finally:
            aside.unlink()
    if file.stat().st_mode & 0o022:
        raise ImproperlyConfigured(f"Other users may change {file}. Run: chmod 600 {file}")
    return file.read_text().strip()
