"""How many requests, and how many bytes of them, a process holds at once."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Final

from audit_webhook.errors import Overloaded

SHARES: Final = 4
"""While half of the places are taken, one sender has no more than one of so many parts of them."""
_BUSY: Final = "as much is being worked on as this process can hold; send it again"


class InFlight:
    """Counts the requests that are being received, wait or are worked on, and refuses more than it was made for.

    No single sender can take all places: one that has a quarter of them, or of the bytes, gets no more once half are
    taken, so that the other half is left to others.
    """

    def __init__(self, requests: int, size: int) -> None:
        """Allow so many requests, and so many bytes of their bodies."""
        self._most_requests = requests
        self._most_bytes = size
        self.requests = 0
        self.bytes = 0
        self._requests_of: Counter[str] = Counter()
        self._bytes_of: Counter[str] = Counter()
        self._lock = threading.Lock()

    def reserve(self, size: int, owner: str = "") -> Reservation:
        """Take room for a request of a sender whose body has so many bytes; raises Overloaded.

        A request that is alone may have any size.
        """
        with self._lock:
            if self.requests >= self._most_requests or self._has_its_share(owner):
                raise Overloaded(_BUSY)
            if self.requests and self.bytes + size > self._most_bytes:
                raise Overloaded(_BUSY)
            self._add(owner, 1, size)
        return Reservation(self, size, owner)

    def give_back(self, requests: int, size: int, owner: str = "") -> None:
        """Make room again."""
        with self._lock:
            self._add(owner, -requests, -size)
            if not self._requests_of[owner]:
                del self._requests_of[owner], self._bytes_of[owner]

    def extend(self, size: int, owner: str = "") -> None:
        """Take room for further bytes of a request that is counted already; raises Overloaded."""
        with self._lock:
            if self.requests > 1 and self.bytes + size > self._most_bytes:
                raise Overloaded(_BUSY)
            self._add(owner, 0, size)

    def _has_its_share(self, owner: str) -> bool:
        has_places = is_beyond_share(self._requests_of[owner], self.requests, self._most_requests)
        return has_places or is_beyond_share(self._bytes_of[owner], self.bytes, self._most_bytes)

    def _add(self, owner: str, requests: int, size: int) -> None:
        self.requests += requests
        self.bytes += size
        self._requests_of[owner] += requests
        self._bytes_of[owner] += size


def is_beyond_share(own: int, taken: int, most: int) -> bool:
    """Return whether a sender that has ``own`` of ``most`` places, of which so many are taken, must leave the rest."""
    return own >= max(1, most // SHARES) and taken >= most // 2


class Reservation:
    """The room of one request, to be given back once; again does no harm."""

    def __init__(self, room: InFlight, size: int, owner: str = "") -> None:
        """Stand for so many bytes of this room."""
        self.owner: Final = owner
        self._room = room
        self._size = size
        self._held = True
        self._lock: Final = threading.Lock()

    def grow_to(self, size: int) -> None:
        """Hold so many bytes, when it has become known that the body has more; raises Overloaded."""
        if size > self._size:
            self._room.extend(size - self._size, self.owner)
            self._size = size

    def release(self) -> None:
        """Give the room back."""
        with self._lock:
            held, self._held = self._held, False
        if held:
            self._room.give_back(1, self._size, self.owner)
