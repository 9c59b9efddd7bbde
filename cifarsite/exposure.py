"""Detect a public DEBUG: its error pages show settings, queries and local variables."""

import ipaddress
from collections.abc import Iterable

from django.core.checks import CheckMessage, Warning

WORDS = (
    "DEBUG is on, and the site can be reached from other machines (%s). Error pages show its settings and "
    "data to anybody. Set DEBUG=false, or listen on 127.0.0.1 only."
)


def public_names(hosts: Iterable[str]) -> list[str]:
    """The ALLOWED_HOSTS that other machines can use to reach the site."""
    return [host for host in hosts if not _is_local(host.strip("[]"))]


def public_addresses(addresses: Iterable[object]) -> list[str]:
    """The addresses of Gunicorn, pairs of host and port or a socket's path, that other machines can reach."""
    pairs = [address for address in addresses if isinstance(address, tuple)]
    return [f"{host}:{port}" for host, port, *_rest in pairs if not _is_local(host)]


def check_hosts(**_options: object) -> list[CheckMessage]:
    """Django's check of ALLOWED_HOSTS with DEBUG on."""
    from django.conf import settings

    names = public_names(settings.ALLOWED_HOSTS) if settings.DEBUG else []
    return [Warning(WORDS % ", ".join(names), id="cifarsite.W001")] if names else []


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
