"""The address of whoever sent a request, also when trusted proxies passed it on (``TRUSTED_PROXIES``).

``X-Forwarded-For`` is a list to which each proxy appends the address that it was asked from. Whatever stands left of
the last entry that a trusted proxy wrote was chosen by the client, so the list is read from its end.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

HOPS: Final = 16
"""How many proxies in a row are followed; the work on one request stays bounded."""
_WITH_PORT: Final = re.compile(r"\[([^\]]{2,45})\](?::\d{1,5})?|(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}", re.ASCII)


@lru_cache(maxsize=64)
def parse_networks(text: str) -> tuple[Network, ...]:
    """Return the addresses and networks of a list with commas between them; raises ValueError."""
    return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",")) if text.strip() else ()


def is_trusted(address: str, proxies: str) -> bool:
    """Return whether an address lies in one of the networks."""
    parsed = _parse(address)
    return parsed is not None and _is_within(parsed, parse_networks(proxies))


def find_client_address(peer: str, forwarded_for: str, proxies: str) -> str:
    """Return the address that a request comes from.

    ``peer`` is the other end of the connection, ``forwarded_for`` the value of ``X-Forwarded-For`` (several such
    headers joined by commas), ``proxies`` the networks whose word on it is believed. An entry that is no address ends
    the search: what is known is then the proxy that wrote it.
    """
    networks = parse_networks(proxies)
    known = _parse(peer)
    if not networks or known is None:
        return peer
    for entry in reversed(forwarded_for.rsplit(",", HOPS)[-HOPS:]):
        if not _is_within(known, networks):
            break
        claimed = _parse(entry.strip())
        if claimed is None:
            break
        known = claimed
    return str(known)


def _is_within(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks)


def _parse(text: str) -> Address | None:
    """Return an address without port or brackets, an IPv4 address within IPv6 as itself; None for anything else."""
    match = _WITH_PORT.fullmatch(text)
    try:
        address = ipaddress.ip_address((match[1] or match[2]) if match else text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
