"""How often passwords may be tried: counted in the database, before anything is compared, for all replicas together.

A name may be tried ten times in five minutes from one address, and a hundred times from all addresses. Nothing counts
for an address alone: behind a proxy that is not among ``TRUSTED_PROXIES`` everybody has the proxy's, and whoever
guesses there would lock everybody out. A browser in which somebody logged in before carries a device cookie (OWASP,
"Slow Down Online Guessing Attacks with Device Cookies"): it has ten tries of its own, so that guesses from elsewhere,
or from the same address, do not lock the owner out.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import threading
from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

from audit_webhook.access.keys import AccessKey
from audit_webhook.errors import TooManyTries
from audit_webhook.storage.access_store import AccessStore

TRIES: Final = 10
TRIES_OF_A_NAME: Final = 100
WINDOW: Final = 300 * 1_000_000
AT_ONCE: Final = 2
"""Passwords that a process compares at once: each takes a fifth of a second of a core and 16 MiB."""
MOST_WAITING: Final = 4
WAIT_SECONDS: Final = 2
MOST_KEYS: Final = 10_000


class _Limit(NamedTuple):
    """What is counted, and how often it may be tried within a window."""

    key: bytes
    most: int


class LoginLimits:
    """Lets passwords be compared, no more often and no more at once than the limits allow."""

    def __init__(self, store: AccessStore, key: AccessKey) -> None:
        """Count in this store; the names of the counters are MACs, so that the table tells nothing."""
        self._store: Final = store
        self._counters: Final = key.derive("login counters")
        self._devices: Final = key.derive("device cookie")
        self._places: Final = _Places()
        self._refused: OrderedDict[bytes, int] = OrderedDict()
        self._lock: Final = threading.Lock()

    @contextmanager
    def attempt(self, name: str, address: str, device: str, now: int) -> Iterator[None]:
        """Count a try and hold a place while its password is compared; raises TooManyTries and StoreUnavailable."""
        limits = self._limits_of(name, address, device)
        self._refuse_known(limits, now)
        with self._places.take(network_of(address)):
            self._store.delete_old_tries(now - WINDOW)
            for limit in limits:
                self._count(limit, now)
            yield

    def forgive(self, name: str, address: str, device: str) -> None:
        """Take back what was counted for a login that succeeded."""
        own, *others = self._limits_of(name, address, device)
        self._store.forget_tries(own.key)
        for limit in others:
            self._store.undo_try(limit.key)

    def issue_device(self, name: str) -> str:
        """Return the value of a device cookie for somebody who has logged in."""
        nonce = secrets.token_urlsafe(16)
        return f"{nonce}.{self._device_mac(name, nonce)}"

    def _limits_of(self, name: str, address: str, device: str) -> Sequence[_Limit]:
        nonce, _, mac = device.partition(".")
        if nonce and hmac.compare_digest(mac.encode("utf-8", "replace"), self._device_mac(name, nonce).encode()):
            return (_Limit(self._counter("device", name, nonce), TRIES),)
        return (
            _Limit(self._counter("address", name, network_of(address)), TRIES),
            _Limit(self._counter("name", name), TRIES_OF_A_NAME),
        )

    def _count(self, limit: _Limit, now: int) -> None:
        tries, since = self._store.count_try(limit.key, now, now - WINDOW)
        if tries > limit.most:
            with self._lock:
                self._refused[limit.key] = since + WINDOW
                if len(self._refused) > MOST_KEYS:
                    self._refused.popitem(last=False)
            raise _too_many(since + WINDOW - now)

    def _refuse_known(self, limits: Sequence[_Limit], now: int) -> None:
        """Refuse what is known to be beyond its limit, without a question to the database."""
        with self._lock:
            ends = max(self._refused.get(limit.key, 0) for limit in limits)
        if ends > now:
            raise _too_many(ends - now)

    def _counter(self, *parts: str) -> bytes:
        return _mac(self._counters, *parts)

    def _device_mac(self, name: str, nonce: str) -> str:
        return _mac(self._devices, name, nonce).hex()


class _Places:
    """Where passwords are compared: few at once, one of an address at a time, and few that wait."""

    def __init__(self) -> None:
        self._busy: Counter[str] = Counter()
        self._waiting = 0
        self._changed = threading.Condition()

    @contextmanager
    def take(self, address: str) -> Iterator[None]:
        """Hold a place; raises TooManyTries when none is free for this address in time."""
        with self._changed:
            if self._waiting >= MOST_WAITING and not self._is_free(address):
                raise TooManyTries("Too many logins at this moment.", WAIT_SECONDS)
            self._waiting += 1
            try:
                if not self._changed.wait_for(lambda: self._is_free(address), WAIT_SECONDS):
                    raise TooManyTries("Too many logins at this moment.", WAIT_SECONDS)
            finally:
                self._waiting -= 1
            self._busy[address] += 1
        try:
            yield
        finally:
            with self._changed:
                del self._busy[address]
                self._changed.notify_all()

    def _is_free(self, address: str) -> bool:
        return len(self._busy) < AT_ONCE and address not in self._busy


def network_of(address: str) -> str:
    """Return what counts as one address: of IPv6 the first 64 bits, which one subscriber has (RFC 6177)."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if parsed.version == 4:
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))


def _mac(key: bytes, *parts: str) -> bytes:
    encoded = [part.encode("utf-8", "replace") for part in parts]
    framed = b"".join(len(part).to_bytes(8, "big") + part for part in encoded)
    return hmac.new(key, framed, hashlib.sha256).digest()


def _too_many(microseconds: int) -> TooManyTries:
    return TooManyTries("Too many failed attempts.", max(1, -(-microseconds // 1_000_000)))
