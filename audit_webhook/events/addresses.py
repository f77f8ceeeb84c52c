"""Tells addresses of private networks from those of the world outside."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Final

_INSIDE: Final = tuple(map(ip_network, (
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
    "::1/128", "fc00::/7", "fe80::/10",
)))


@lru_cache(maxsize=4096)
def is_inside(address: str) -> bool:
    """Return whether an address is one of a private network, of the machine itself, or not known."""
    try:
        found = ip_address(address)
    except ValueError:
        return True
    mapped = getattr(found, "ipv4_mapped", None)
    return any((mapped or found) in network for network in _INSIDE)
