"""Find where the list of events begins and ends in a body of which a window is held."""

from __future__ import annotations

from typing import Final

import msgspec

from audit_webhook.events.json_scanner import BrokenJSON, each_member
from audit_webhook.events.split import BOM, HEAD, LIST_HEAD, TAIL, TAIL_LENGTH, Split, decode_items, set_aside_scalars

_BRACKET: Final = b"["


def is_list(body: bytes) -> bool:
    """Return whether a body begins as an EventList or as an array."""
    start = body.removeprefix(BOM).lstrip()[:1]
    return start == _BRACKET or LIST_HEAD.match(body) is not None


def find_list_start(held: bytes) -> int | None:
    """Return the position after the opening bracket of the list that a document holds; None when it is no list."""
    if held.startswith(_BRACKET):
        return 1
    head = HEAD.match(held)
    if head is not None and LIST_HEAD.match(held):
        return head.end() + 1
    return _find_items(held) if held.startswith(b"{") else None


def _find_items(held: bytes) -> int | None:
    """Return where the elements of a member ``items`` begin, however its object is written; an Event has none."""
    try:
        for member in each_member(held):
            if member.key == "kind" and held[member.start:member.end] == b'"Event"':
                return None
            if member.key == "items":
                return _after_bracket(held, member.start)
    except BrokenJSON as error:
        if error.key == "items":
            return _after_bracket(held, error.position)
    return None


def _after_bracket(held: bytes, position: int) -> int | None:
    return position + 1 if held[position:position + 1] == _BRACKET else None


def find_list_end(held: bytes) -> int | None:
    """Return where the closing bracket of a list stands after which only its object ends; None when it is not so."""
    tail = TAIL.search(held, max(len(held) - TAIL_LENGTH, 0))
    return tail.start() if tail else None


def split_strict(held: bytes, end: int) -> Split | None:
    """Split the elements before ``end``, with commas between them; None when a strict parser refuses them.

    Brackets and strings must all close, hence a cut that is not between two elements is always refused.
    """
    try:
        found = decode_items(b"".join((_BRACKET, memoryview(held)[:end], b"]")))
    except (msgspec.DecodeError, RecursionError):
        return None
    return set_aside_scalars([bytes(raw) for raw in found])
