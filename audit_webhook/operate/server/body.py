"""The buffer that a request's body is received into: the socket's loop fills it, the thread that answers empties it.

Waitress's own buffer takes the whole body before the application is called, beyond half a megabyte in a temporary
file. This one may be read while it is filled, and tells the loop when enough is in it: the rest of a large batch waits
in the socket, where its sender is held up by TCP. Nothing is ever written to a disk.
"""

from __future__ import annotations

import io
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

WINDOW_BYTES: Final = 1024**2
"""From this many bytes on, that were received and not yet read, no more is received."""


def _do_nothing() -> None:
    pass


class Body:
    """Takes the pieces of a body; what it gives can be read once, and before the last piece has come."""

    def __init__(self) -> None:
        """Begin empty; ``on_room`` is called when there is room again after there was none."""
        self.on_room: Callable[[], None] = _do_nothing
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._held = 0
        self._is_complete = False
        self._error: Exception | None = None
        self._changed = threading.Condition()

    def __len__(self) -> int:
        """Return the number of bytes received."""
        return self._size

    def __bool__(self) -> bool:
        """Be true as any object."""
        return True

    def append(self, piece: bytes) -> None:
        """Take the next piece; it is forgotten when nobody reads any more."""
        self._size += len(piece)
        with self._changed:
            if self._error is None:
                self._pieces.append(piece)
                self._held += len(piece)
                self._changed.notify()

    def complete(self) -> None:
        """Note that the last piece has come."""
        with self._changed:
            self._is_complete = True
            self._changed.notify()

    def break_off(self, error: Exception) -> None:
        """Note that no more will come, and let whoever reads fail with this error; keep nothing."""
        with self._changed:
            if self._error is None and not self._is_complete:
                self._error = error
                self._pieces.clear()
                self._held = 0
                self._changed.notify()

    def has_room(self) -> bool:
        """Whether more is to be received."""
        return self._held < WINDOW_BYTES

    def getfile(self) -> io.BufferedIOBase:
        """Return the body as WSGI's input."""
        return _Input(self)

    def close(self) -> None:
        """Keep nothing."""
        with self._changed:
            self._pieces.clear()
            self._held = 0

    def take(self, size: int) -> bytes:
        """Return the next piece of at most so many bytes, after waiting for it; nothing at the end of the body."""
        with self._changed:
            while not self._pieces and not self._is_complete and self._error is None:
                self._changed.wait()
            if self._error is not None:
                raise self._error
            if not self._pieces:
                return b""
            piece = self._pieces.popleft()
            if len(piece) > size:
                self._pieces.appendleft(piece[size:])
                piece = piece[:size]
            had_room, self._held = self.has_room(), self._held - len(piece)
        if not had_room and self.has_room():
            self.on_room()
        return piece


class _Input(io.BufferedIOBase):
    """A body as a readable file; all of it read at once is joined once."""

    def __init__(self, body: Body) -> None:
        self._body = body

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        missing = float("inf") if size is None or size < 0 else size
        taken: list[bytes] = []
        while missing > 0 and (piece := self._body.take(int(min(missing, WINDOW_BYTES)))):
            taken.append(piece)
            missing -= len(piece)
        return taken[0] if len(taken) == 1 else b"".join(taken)

    def read1(self, size: int = -1, /) -> bytes:
        return self._body.take(size if size >= 0 else WINDOW_BYTES)
