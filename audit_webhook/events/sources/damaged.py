"""Finds what is whole in JSON that was cut off or damaged, so that a broken piece costs only itself.

A line that is an event itself, and breaks in its body, is never searched for further events: whoever sent the body
wrote what stands there.
"""

from __future__ import annotations

import re
from typing import Any, Final

import orjson

from audit_webhook.events.json_scanner import BrokenJSON, Member, each_member, step_over_separator, value_end
from audit_webhook.events.sources.containers import HOLDERS, LISTS

MOST_FAILURES: Final = 32
"""So often the end of an element is looked for in vain, each time perhaps up to the end of the text."""
_BETWEEN: Final = re.compile(rb"[}\]]\s*,\s*(?=[{\[])")
"""What stands between two elements of a list."""
_NEXT_DOCUMENT: Final = re.compile(rb'\}\s*(?=\{"(?:kind":"Event","apiVersion|level|log|message(?:Type)?)":")')
"""Where one document ends and the next begins: no JSON has these side by side, within a text or outside."""
_LIST: Final = re.compile(rb'"(?:%b)"\s*:\s*(?=\[)' % b"|".join(sorted(name.encode() for name in LISTS)))
_LONGEST_ESCAPE: Final = 6
_QUOTED_OBJECT: Final = b'"{\\"'


def members_before_break(text: bytes) -> tuple[list[Member], BrokenJSON | None]:
    """Return the members of an object that are whole, and where and why it breaks; None when it does not."""
    found: list[Member] = []
    try:
        for member in each_member(text):
            found.append(member)
    except BrokenJSON as error:
        return found, error
    return found, None


def split_documents(text: bytes) -> list[bytes]:
    """Cut a text where a document ends and the next one begins without a line break."""
    cuts = [0, *(found.end() for found in _NEXT_DOCUMENT.finditer(text)), len(text)]
    return [piece for first, last in zip(cuts, cuts[1:], strict=False) if (piece := text[first:last].strip())]


def pieces_of(text: bytes, signs: tuple[bytes, ...]) -> list[bytes]:
    """Return what can be read by itself of a damaged list or object: each is shorter than the text.

    After a broken element of a list, the next one that shows one of the ``signs`` of an event is looked for.
    """
    return _pieces_of_list(text, signs) if text.startswith(b"[") else _pieces_of_object(text)


def _pieces_of_list(text: bytes, signs: tuple[bytes, ...]) -> list[bytes]:
    pieces: list[bytes] = []
    position, is_closed, failures = 1, False, 0
    while position < len(text) and not is_closed:
        start = position
        try:
            end = value_end(text, start, len(text))
            position, is_closed = step_over_separator(text, end, len(text), b"]")
            pieces.append(text[start:end].strip())
        except BrokenJSON:
            failures += 1
            position = _next_element(text, start, signs) if failures < MOST_FAILURES else len(text)
            pieces.append(text[start:position].strip().rstrip(b",").rstrip())
        position += len(text[position:position + 256]) - len(text[position:position + 256].lstrip())
    return [piece for piece in pieces if piece and len(piece) < len(text)]


def _next_element(text: bytes, position: int, signs: tuple[bytes, ...]) -> int:
    """Return where the next whole element of a list begins that may hold an event, else the end of the text."""
    if not text.endswith((b"]", b"}")):
        return len(text)  # it was cut off: what follows is the inside of the last element
    failures = 0
    for found in _BETWEEN.finditer(text, position):
        try:
            end = value_end(text, found.end(), len(text))
        except BrokenJSON:
            failures += 1
            if failures == MOST_FAILURES:
                break
            continue
        if any(text.find(sign, found.end(), end) >= 0 for sign in signs):
            return found.end()
    return len(text)


def _pieces_of_object(text: bytes) -> list[bytes]:
    found, broken = members_before_break(text)
    pieces = [text[member.start:member.end] for member in found if member.key in LISTS or member.key in HOLDERS]
    if broken is None or not 0 < broken.position < len(text):
        return pieces
    rest = text[broken.position:]
    if rest.startswith(b'"') and (inner := rest.find(_QUOTED_OBJECT)) >= 0:
        return [*pieces, rest[inner:]]
    if broken.key and rest.startswith((b"{", b"[")):
        return [*pieces, rest]
    following = _LIST.search(text, broken.position)
    return [*pieces, text[following.end():]] if following else pieces


def text_of(string: bytes) -> bytes | None:
    """Return the text of a JSON string that was cut off, without an escape that is not whole; None when it is none."""
    for dropped in range(_LONGEST_ESCAPE):
        try:
            value: Any = orjson.loads(string[:len(string) - dropped] + b'"')
        except orjson.JSONDecodeError:
            continue
        return str(value).encode()
    return None


def text_of_cell(cell: bytes) -> bytes:
    """Return the text of a quoted cell of a table in CSV, in which quotes are doubled (RFC 4180)."""
    end = cell.rfind(b'}"')
    return cell[1:end + 1 if end > 0 else len(cell)].replace(b'""', b'"')
