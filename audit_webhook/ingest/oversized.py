"""What is kept of a value that is too long to be held: its beginning, its length and its hash.

The end of such a value is found without holding it, by its strings and brackets alone.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Final

from audit_webhook.events.split import Broken

KEPT_BYTES: Final = 64 * 1024
"""The beginning of an event: a kube-apiserver writes level, id, URI, verb, user and object before the bodies."""
_OUTSIDE: Final = re.compile(rb'[^"{}\[\]]*+')
_INSIDE: Final = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_OPENING: Final = re.compile(rb"[{\[]++")
_CLOSING: Final = re.compile(rb"[}\]]++")


class Oversized:
    """A value of which only the beginning is kept."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._kept = b""
        self._size = 0
        self._hash = sha256()

    def add(self, piece: bytes) -> None:
        """Take the next bytes of the value."""
        if len(self._kept) < KEPT_BYTES:
            self._kept += piece[:KEPT_BYTES - len(self._kept)]
        self._size += len(piece)
        self._hash.update(piece)

    def describe(self, limit: int) -> Broken:
        """Return what goes into quarantine in its place."""
        why = f"longer than {limit} bytes" if self._size >= limit else "brackets or strings do not fit"
        return Broken(self._kept, f"{why}; its beginning is kept, SHA-256 of all {self._hash.hexdigest()}", self._size)


class Nesting:
    """Finds the end of an object or array that comes in pieces; linear in their length."""

    def __init__(self) -> None:
        """Begin before the first byte of the value."""
        self._depth = 0
        self._in_string = False
        self._escaped = False

    def find_end(self, piece: bytes) -> int | None:
        """Return where in the next piece the value ends, or None when it goes on."""
        position = 0
        while position < len(piece):
            if self._in_string:
                position = self._leave_string(piece, position)
                if not self._in_string and not self._depth:
                    return position
                continue
            found = _OUTSIDE.match(piece, position)
            position = found.end() if found else position
            if opening := _OPENING.match(piece, position):
                self._depth += len(opening[0])
                position = opening.end()
            elif closing := _CLOSING.match(piece, position):
                if len(closing[0]) >= self._depth:
                    return position + self._depth
                self._depth -= len(closing[0])
                position = closing.end()
            elif position < len(piece):
                self._in_string = True
                position += 1
        return None

    def _leave_string(self, piece: bytes, position: int) -> int:
        """Return the position after the string's end, or that of the end of the piece."""
        if self._escaped:
            self._escaped = False
            return position + 1
        found = _INSIDE.match(piece, position)
        position = found.end() if found else position
        if piece[position:position + 1] == b'"':
            self._in_string = False
            return position + 1
        self._escaped = position < len(piece)  # a backslash is the last byte
        return len(piece)
