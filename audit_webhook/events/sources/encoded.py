"""Decodes what clouds pack lines into: gzip, base64, lists of byte values, texts of JSON; within a bound of bytes."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from typing import Any, Final

GZIP_MAGIC: Final = b"\x1f\x8b"
MOST_UNPACKED: Final = 16 * 1024**2
"""Bytes that all that is packed in one text may have together, however often it is packed."""
MOST_TIMES_UNPACKED: Final = 100
"""So many times its own length a text may hold, packed: work stays linear in what was sent."""
SHORTEST: Final = 16
STEP_BYTES: Final = 64
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]*+={0,2}")
_STARTS: Final = ("H4sI", "eyJ", "eyAi", "W3s", "W3si", "ewog", "ewoJ")
"""How gzip and JSON begin in base64."""


class Unpacker:
    """Unpacks what one text holds, until it has given so many bytes that the text is not worth it."""

    def __init__(self) -> None:
        """Nothing is unpacked yet."""
        self._left = 0

    def allow(self, length: int) -> None:
        """Let as much be unpacked as a text of this length may hold."""
        self._left = min(self._left + MOST_TIMES_UNPACKED * length, MOST_UNPACKED)

    def unpack(self, text: str) -> bytes | None:
        """Return what a text in base64 holds, unpacked; None when nothing of it is whole, or all of it is too large."""
        whole = _BASE64.match(text)
        digits = whole[0] if whole else ""
        try:
            content = base64.b64decode(digits[:len(digits) // 4 * 4])
        except (binascii.Error, ValueError):
            return None
        return self._inflate(content) if content.startswith(GZIP_MAGIC) else content

    def _inflate(self, content: bytes) -> bytes | None:
        text = inflate(content, self._left)
        self._left -= self._left if text is None else len(text)
        return text or None


def inflate(content: bytes, most: int) -> bytes | None:
    """Return what gzip holds, also several in a row, up to where it is damaged; None when it is too much."""
    pieces: list[bytes] = []
    unpacker = zlib.decompressobj(wbits=31)
    for start in range(0, len(content), STEP_BYTES):
        step = content[start:start + STEP_BYTES]
        while step:
            try:
                piece = unpacker.decompress(step, most + 1)
            except zlib.error:
                return b"".join(pieces)
            if len(piece) > most:
                return None
            most -= len(piece)
            pieces.append(piece)
            step = unpacker.unused_data
            if unpacker.eof and step:
                unpacker = zlib.decompressobj(wbits=31)
    return b"".join(pieces)


def is_packed(value: object) -> bool:
    """Return whether a value looks like gzip or JSON in base64."""
    return isinstance(value, str) and len(value) >= SHORTEST and value.startswith(_STARTS)


def bytes_in(text: bytes) -> bool:
    """Return whether a text begins as a list of the bytes of an object."""
    return text.startswith((b"[123,34", b"[123, 34"))


def bytes_of(values: list[Any]) -> bytes | None:
    """Return the bytes that a list of numbers stands for, as journald writes what is long or no text; else None."""
    if len(values) < SHORTEST or not all(type(each) is int and 0 <= each < 256 for each in values):
        return None
    return bytes(values)
