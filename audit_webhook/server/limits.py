"""How many requests, and how many bytes of them, a process holds at once."""

from __future__ import annotations

import threading
from typing import Final

from audit_webhook.errors import Overloaded

_BUSY: Final = "as much is being worked on as this process can hold; send it again"


class InFlight:
    """Counts the requests that are being received, wait or are worked on, and refuses more than it was made for."""

    def __init__(self, requests: int, size: int) -> None:
        """Allow so many requests, and so many bytes of their bodies."""
        self._most_requests = requests
        self._most_bytes = size
        self.requests = 0
        self.bytes = 0
        self._lock = threading.Lock()

    def reserve(self, size: int) -> Reservation:
        """Take room for a request whose body has so many bytes; raises Overloaded.

        A request that is alone may have any size.
        """
        with self._lock:
            if self.requests >= self._most_requests:
                raise Overloaded(_BUSY)
            if self.requests and self.bytes + size > self._most_bytes:
                raise Overloaded(_BUSY)
            self.requests += 1
            self.bytes += size
        return Reservation(self, size)

    def give_back(self, requests: int, size: int) -> None:
        """Make room again."""
        with self._lock:
            self.requests -= requests
            self.bytes -= size

    def extend(self, size: int) -> None:
        """Take room for further bytes of a request that is counted already; raises Overloaded."""
        with self._lock:
            if self.requests > 1 and self.bytes + size > self._most_bytes:
                raise Overloaded(_BUSY)
            self.bytes += size


class Reservation:
    """The room of one request, to be given back once; again does no harm."""

    def __init__(self, room: InFlight, size: int) -> None:
        """Stand for so many bytes of this room."""
        self._room = room
        self._size = size
        self._held = True
        self._lock: Final = threading.Lock()

    def grow_to(self, size: int) -> None:
        """Hold so many bytes, when it has become known that the body has more; raises Overloaded."""
        if size > self._size:
            self._room.extend(size - self._size)
            self._size = size

    def release(self) -> None:
        """Give the room back."""
        with self._lock:
            held, self._held = self._held, False
        if held:
            self._room.give_back(1, self._size)
