"""Puts lines together that were split: by container runtimes, and documents that were written over several lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import orjson

from audit_webhook.events.sources.text_prefixes import find_container_prefix
from audit_webhook.events.sources.unwrapped import LARGEST

MOST_STREAMS: Final = 64
_EVENT_STARTS: Final = (b'{"kind":"Event","apiVersion":"audit.k8s.io/', b'{"level":"')
_STARTS: Final = (*_EVENT_STARTS, b'{"log":"')
_BEFORE_OBJECT: Final = (b"},", b"],", b"[", b":")
"""How a line ends that a line with an object or a list may follow within one document."""
_WITHIN: Final = re.compile(rb'[}\],:"]|(?:true|false|null|NaN|-?\d[\d.eE+-]{0,40})\s*(?:[,}\]]|\Z)')
"""How a line within a document begins."""
_DOCKER: Final = (b'{"log":"', b'{"log": "')
_DOCKER_WHOLE: Final = b'\\n",'
"""How the log of a whole line ends; within the log a quote is escaped."""
_JOURNAL_PART: Final = b'"_LINE_BREAK"'
"""What journald adds to a line that it broke off; its value is then ``line-max``."""
Numbered = tuple[int, bytes]


def join(lines: Iterable[Numbered]) -> Iterator[Numbered]:
    """Yield each whole line or document with the number of its first line; nothing that was read is left out."""
    streams, document = _Streams(), _Document()
    for number, line in lines:
        if line.startswith(_EVENT_STARTS) and document.is_idle():
            yield number, line
        elif line[:1].isdigit() or line.startswith(b'{"'):
            for began, whole in streams.take(number, line):
                yield from document.take(began, whole)
        else:
            yield from document.take(number, line)
    for began, whole in streams.rest():
        yield from document.take(began, whole)
    yield from document.rest()


class _Streams:
    """The lines of container runtimes and of journald that were split, by the stream that they were written to."""

    def __init__(self) -> None:
        self._parts: dict[bytes, tuple[int, list[bytes], int]] = {}

    def take(self, number: int, line: bytes) -> Iterator[Numbered]:
        """Yield what ends with this line; most lines are whole and are given back as they are."""
        if line[:1].isdigit():
            yield from self._take_cri(number, line)
        elif line.startswith(_DOCKER) and (self._parts or _DOCKER_WHOLE not in line):
            yield from self._take_object(number, line, "log", "stream")
        elif _JOURNAL_PART in line or (self._parts and b'"MESSAGE":' in line):
            yield from self._take_object(number, line, "MESSAGE", "_STREAM_ID")
        else:
            yield number, line

    def _take_cri(self, number: int, line: bytes) -> Iterator[Numbered]:
        prefix = find_container_prefix(line)
        if prefix is None or not (prefix.is_part or prefix.stream in self._parts):
            yield number, line
            return
        # one prefix says what the whole line is wrapped in
        piece = line[prefix.length:] if prefix.stream in self._parts else line
        yield from self._add(prefix.stream, number, piece, prefix.is_part)

    def _take_object(self, number: int, line: bytes, holder: str, stream: str) -> Iterator[Numbered]:
        """Take a record of Docker, which ends a line with a line break, or of journald, which marks a part."""
        record = _loads(line)
        if record is None or not isinstance(record.get(holder), str) or not isinstance(record.get(stream), str):
            yield number, line
            return
        key, text = f"{holder} {record[stream]}".encode(), record[holder]
        is_part = not text.endswith("\n") if holder == "log" else record.get("_LINE_BREAK") == "line-max"
        if key not in self._parts and (not is_part or _loads(text.encode("utf-8", "surrogatepass")) is not None):
            yield number, line
            return
        for began, whole in self._add(key, number, text.encode("utf-8", "surrogatepass"), is_part):
            yield began, orjson.dumps({holder: whole.decode("utf-8", "replace"), stream: record[stream]})

    def _add(self, key: bytes, number: int, piece: bytes, is_part: bool) -> Iterator[Numbered]:
        began, pieces, size = self._parts.pop(key, (number, [], 0))
        pieces.append(piece)
        size += len(piece)
        if is_part and len(self._parts) < MOST_STREAMS and size < LARGEST:
            self._parts[key] = began, pieces, size
        else:
            yield began, b"".join(pieces)

    def rest(self) -> list[Numbered]:
        """Return what was begun and never ended."""
        return sorted((began, b"".join(pieces)) for began, pieces, _ in self._parts.values())


class _Document:
    """A JSON document that is written over several lines, until its last bracket."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._number = 0
        self._depth = 0
        self._size = 0

    def is_idle(self) -> bool:
        """Return whether no document was begun."""
        return not self._lines

    def take(self, number: int, line: bytes) -> Iterator[Numbered]:
        """Yield the line itself, or a document that ends with it."""
        if self._lines and self._is_broken_by(line):
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

    def _is_broken_by(self, line: bytes) -> bool:
        """Return whether a line cannot go on with the document that was begun."""
        if line.startswith((b"{", b"[")):
            return not self._lines[-1].endswith(_BEFORE_OBJECT) or self._size > LARGEST
        return _WITHIN.match(line) is None or self._size > LARGEST

    def rest(self) -> Iterator[Numbered]:
        """Yield what was not ended."""
        if self._lines:
            yield self._number, b"\n".join(self._lines)
        self._lines, self._depth, self._size = [], 0, 0


def _loads(text: bytes) -> dict[str, Any] | None:
    """Return a JSON object; None when it is none."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def depth_of(line: bytes) -> int:
    """Return how many brackets a line opens that it does not close; those in strings do not count."""
    if b"{" not in line and b"[" not in line and b"}" not in line and b"]" not in line:
        return 0
    outside = line.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2]
    return sum(
        piece.count(b"{") + piece.count(b"[") - piece.count(b"}") - piece.count(b"]") for piece in outside
    )
