"""The buffer that a request's body is received into: in memory, because the bytes in flight are limited.

Waitress's own buffer would write a larger body to a temporary file, and hold it a second time while it is worked on.
This one keeps the pieces as they came and hands them over once, joined.
"""

from __future__ import annotations

import io


class Body:
    """Takes pieces of a body; what it gives can be read once."""

    def __init__(self) -> None:
        """Begin empty."""
        self._pieces: list[bytes] = []
        self._size = 0

    def __len__(self) -> int:
        """Give the number of bytes received."""
        return self._size

    def __bool__(self) -> bool:
        """Be true as any object."""
        return True

    def append(self, piece: bytes) -> None:
        """Take the next piece."""
        self._pieces.append(piece)
        self._size += len(piece)

    def getfile(self) -> io.BufferedIOBase:
        """Give the body as WSGI's input, and keep nothing of it."""
        pieces, self._pieces = self._pieces, []
        return _Pieces(pieces)

    def close(self) -> None:
        """Keep nothing."""
        self._pieces = []


class _Pieces(io.BufferedIOBase):
    """A body as a readable file; all of it read at once is joined once."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces[::-1]
        self._left = sum(map(len, pieces))

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        size = self._left if size is None or size < 0 else min(size, self._left)
        taken: list[bytes] = []
        while size > 0:
            piece = self._pieces.pop()
            if len(piece) > size:
                self._pieces.append(piece[size:])
                piece = piece[:size]
            taken.append(piece)
            size -= len(piece)
            self._left -= len(piece)
        return taken[0] if len(taken) == 1 else b"".join(taken)

    read1 = read
