"""Read the environment: validators of settings, and the secret key."""

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key
from environs import ValidationError
from limits import parse


def secret_key(value: str, file: Path | None) -> str:
    """Return SECRET_KEY itself, or the one kept in `file`, which is made on first use, readable by its owner alone.

    Raises ImproperlyConfigured when there is neither, when the key is too short or repeats a few characters, or when
    other users may write the file.
    """
    if not value and file is None:
        raise ImproperlyConfigured(
            "SECRET_KEY is not set. Set it to 50 or more random characters, or set SECRET_KEY_FILE to a path where one "
            "may be made and kept. (With DEBUG=true one is made for you.)"
        )
    key = value or _kept_key(file)
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
