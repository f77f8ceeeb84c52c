"""Puts lines together that were split: by container runtimes, and documents that were written over several lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from audit_webhook.events.sources.text_prefixes import find_prefix
from audit_webhook.events.sources.unwrapped import LARGEST

MOST_STREAMS: Final = 64
_STARTS: Final = (b'{"kind":"Event","apiVersion":"audit.k8s.io/', b'{"level":"', b'{"log":"{')


def join(lines: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """Yield each whole line or document with the number of its first line; nothing that was read is left out."""
    parts: dict[bytes, tuple[int, list[bytes], int]] = {}
    document = _Document()
    for number, line in lines:
        if line[:1].isdigit() and (prefix := find_prefix(line)) is not None and prefix.stream:
            began, pieces, size = parts.pop(prefix.stream, (number, [], 0))
            pieces.append(line[prefix.length:] if pieces else line)  # one prefix says what the whole line is wrapped in
            size += len(pieces[-1])
            if prefix.is_part and len(parts) < MOST_STREAMS and size < LARGEST:
                parts[prefix.stream] = began, pieces, size
                continue
            yield from document.take(began, b"".join(pieces))
        else:
            yield from document.take(number, line)
    for began, pieces, _ in sorted(parts.values()):
        yield from document.take(began, b"".join(pieces))
    yield from document.rest()


class _Document:
    """A JSON document that is written over several lines, until its last bracket."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._number = 0
        self._depth = 0
        self._size = 0

    def take(self, number: int, line: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield the line itself, or a document that ends with it."""
        if self._lines and (line.startswith(_STARTS) or self._size > LARGEST):
            yield from self.rest()  # what was begun was never ended
        if not self._lines and (line.startswith(_STARTS) or line.lstrip()[:1] not in (b"{", b"[")):
            yield number, line
            return
        change = depth_of(line)
        if not self._lines and change <= 0:
            yield number, line
            return
        if not self._lines:
            self._number = number
        self._lines.append(line)
        self._depth += change
        self._size += len(line)
        if self._depth <= 0:
            yield from self.rest()

    def rest(self) -> Iterator[tuple[int, bytes]]:
        """Yield what was not ended."""
        if self._lines:
            yield self._number, b"\n".join(self._lines)
        self._lines, self._depth, self._size = [], 0, 0


def depth_of(line: bytes) -> int:
    """Return how many brackets a line opens that it does not close; those in strings do not count."""
    if b"{" not in line and b"[" not in line and b"}" not in line and b"]" not in line:
        return 0
    outside = line.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2]
    return sum(
        piece.count(b"{") + piece.count(b"[") - piece.count(b"}") - piece.count(b"]") for piece in outside
    )
