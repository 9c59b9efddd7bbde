#!/usr/bin/env python
"""Django's command line for this project. Development settings unless the environment says otherwise."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cifarsite.settings")
    os.environ.setdefault("CIFARSITE_DEVELOPMENT", "1")
    # A server's processes count together there; what a command counts, nobody reads.
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
    try:
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import execute_from_command_line
    except ImportError as error:
        raise SystemExit("Django is not installed. Run: pip install -r requirements-serve.txt") from error
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        raise SystemExit(f"The configuration is not right: {error}") from error


if __name__ == "__main__":
    main()
