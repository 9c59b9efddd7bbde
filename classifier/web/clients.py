"""The client address of a request, for rate limits and lock-outs."""

import ipaddress
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest


def address_of(request: HttpRequest) -> str | None:
    """The client's network address; for IPv6 its /64 network. None if there is none.

    Behind a proxy it is the last entry of X-Forwarded-For, the one that the proxy itself has written: clients can
    forge the others.
    """
    direct = _client(request.META.get("REMOTE_ADDR", ""))
    if settings.BEHIND_PROXY:
        return _client(request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()) or direct
    return direct


@lru_cache(maxsize=4096)
def _client(text: str) -> str | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address), 64), strict=False).network_address)
