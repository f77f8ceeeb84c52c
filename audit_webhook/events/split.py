"""Splits the body of a post into the raw bytes of each event, so that one bad item never costs its neighbours.

A batch of the usual form goes through msgspec, which leaves the items undecoded. What it refuses (a lone surrogate,
NaN, a control character, hundreds of levels) is found by the byte scanner of `spans`, and what is broken beyond that is
cut where the next event begins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final, NamedTuple

import msgspec

from audit_webhook.events import lenient_json as tolerant
from audit_webhook.events.json_scanner import (
    BrokenJSON, Member, after_blank, each_element, each_member, elements, value_end,
)

BOM: Final = b"\xef\xbb\xbf"
_BLANKS: Final = b" \t\r\n"
# The empty branch, because Python before 3.11.5 leaves the position in the middle of a repetition that fails; without
# it every batch would go the slow way there (github.com/python/cpython/issues/106052).
HEAD: Final = re.compile(
    rb'\s*+\{(?:\s*+"(?!items")[^"\\]*+"\s*+:\s*+(?:"[^"\\]*+"|\{[^{}"]*+\})\s*+,|)*+\s*+"items"\s*+:\s*+(?=\[)'
)
LIST_HEAD: Final = re.compile(rb'\s*+\{\s*+"kind"\s*+:\s*+"EventList"')
TAIL: Final = re.compile(rb"\](?=\s*+\}\s*+\Z)")
_END: Final = re.compile(rb"\]\s*+(?:\}\s*+)?+\Z")
TAIL_LENGTH: Final = 256
EVENT_START: Final = re.compile(
    rb'\{"level":"(?:Metadata|Request|RequestResponse|None)","auditID":"|\{"kind":"Event","apiVersion":"audit\.k8s\.io/'
)
_EVENT_MEMBERS: Final = frozenset(
    {"level", "auditID", "stage", "requestURI", "verb", "requestReceivedTimestamp", "stageTimestamp"}
)
_CHECKED_BYTES: Final = 4 * 1024**2  # reading more of it would take many times its size
_NO_OBJECT: Final = "an item that is not an object"
decode_items: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode


class MalformedBody(ValueError):
    """The body is no JSON, and nothing in it could be saved."""


class Broken(NamedTuple):
    """Bytes that are no event, and why."""

    raw: bytes
    reason: str
    size: int = 0
    """How long it was when only the beginning was kept; 0 when all of it is there."""


class Split(NamedTuple):
    """The raw bytes of each event as they were sent, and what is left over."""

    items: list[bytes]
    broken: list[Broken]


def split(body: bytes) -> Split:
    """Take an EventList, an Event, an array of Events or NDJSON of any of these apart; raises MalformedBody."""
    usual = _usual_form(body)
    parts = usual if usual is not None else _any_form(body)
    starts_as_json = body.removeprefix(BOM).lstrip(_BLANKS)[:1] in (b"{", b"[")
    if not parts.items and not starts_as_json:
        raise MalformedBody("the body is empty" if not body.strip() else "the body is not JSON")
    return parts


def _usual_form(body: bytes) -> Split | None:
    """Split an EventList of plain head whose last member is ``items``; None when it is anything else."""
    head = HEAD.match(body)
    tail = TAIL.search(body, max(len(body) - TAIL_LENGTH, 0))
    if head is None or tail is None or LIST_HEAD.match(body) is None:
        return None
    start, end = head.end(), tail.end()
    try:
        return set_aside_scalars(list(map(bytes, decode_items(memoryview(body)[start:end]))))
    except (msgspec.DecodeError, RecursionError):
        return _scanned(body, start, end)


def _scanned(body: bytes, start: int, end: int) -> Split | None:
    parts = Split([], [])
    try:
        for first, last in elements(body, start, end):
            take_element(body[first:last], parts)
    except BrokenJSON:
        return None
    return parts


def set_aside_scalars(found: list[bytes]) -> Split:
    """Set aside what is no object."""
    items = [raw for raw in found if raw.startswith(b"{")]
    if len(items) == len(found):
        return Split(items, [])
    return Split(items, [Broken(raw, _NO_OBJECT) for raw in found if not raw.startswith(b"{")])


def _any_form(body: bytes) -> Split:
    """Split one document, or one a line."""
    parts = Split([], [])
    start = after_blank(body, len(BOM) if body.startswith(BOM) else 0, len(body))
    if start == len(body):
        return parts
    try:
        whole = after_blank(body, value_end(body, start, len(body)), len(body)) == len(body)
    except BrokenJSON:
        whole = False
    if whole:
        take_document(body, start, parts)
        return parts
    lines = [line for line in (line.strip(_BLANKS) for line in body[start:].split(b"\n")) if line]
    if len(lines) > 1 and any(line.startswith(b"{") and _is_whole(line) for line in lines):
        for line in lines:
            take_document(line, 0, parts)
    else:
        take_document(body, start, parts)
    return parts


def take_document(body: bytes, start: int, parts: Split) -> None:
    """Add what one document holds, which begins at ``start`` and should end with the body."""
    first = body[start : start + 1]
    if first == b"[":
        take_elements(body, start, len(body), parts)
    elif first != b"{":
        parts.broken.append(Broken(body[start:], "not a JSON object"))
    else:
        _take_object(body, start, parts)


def _take_object(body: bytes, start: int, parts: Split) -> None:
    """Add the items of a list, or the object itself when it is an event."""
    found: list[Member] = []
    broken: BrokenJSON | None = None
    try:
        for member in each_member(body, start):
            found.append(member)
    except BrokenJSON as error:
        broken = error
    kinds = [body[member.start : member.end] for member in found if member.key == "kind"]
    if b'"Event"' in kinds or not (b'"EventList"' in kinds or _has_items(found, broken)):
        _take_event(body, start, {member.key for member in found}, broken, parts)
        return
    is_event_list = b'"EventList"' in kinds or not kinds
    lists = [member for member in found if member.key == "items" or _holds_events(body, member)]
    for member in lists:
        _take_items(body, member, is_event_list, parts)
    if broken is not None:
        _take_broken_list(body, start if not found else broken.position, broken, parts)
    elif not lists:
        parts.broken.append(Broken(body[start:], "an EventList without items"))


def _holds_events(body: bytes, member: Member) -> bool:
    """Tell whether a member is an array of events under another name, which nothing but damage explains."""
    return body[member.start : member.start + 1] == b"[" and bool(EVENT_START.search(body, member.start, member.end))


def _has_items(found: list[Member], broken: BrokenJSON | None) -> bool:
    return any(member.key == "items" for member in found) or (broken is not None and broken.key == "items")


def _take_event(body: bytes, start: int, keys: set[str], broken: BrokenJSON | None, parts: Split) -> None:
    """Add a single object."""
    if broken is not None:
        _recover(body, start, len(body), broken.reason, parts)
    elif keys & _EVENT_MEMBERS:
        parts.items.append(body[start:].rstrip(_BLANKS))
    else:
        parts.broken.append(Broken(body[start:], "an object that is neither an Event nor an EventList"))


def _take_items(body: bytes, member: Member, is_event_list: bool, parts: Split) -> None:
    """Add the elements of one member ``items``; in a list of another kind only those that look like events."""
    if body[member.start : member.start + 1] != b"[":
        if body[member.start : member.end] != b"null":  # Go writes an empty list so
            parts.broken.append(Broken(body[member.start : member.end], "items that are not an array"))
        return
    taken = Split([], [])
    take_elements(body, member.start, member.end, taken)
    for raw in taken.items:
        if is_event_list or _EVENT_MEMBERS & set(_names(raw)):
            parts.items.append(raw)
        else:
            parts.broken.append(Broken(raw, "an item that is no Event, in a list of another kind"))
    parts.broken.extend(taken.broken)


def _names(raw: bytes) -> Iterator[str]:
    """Give the names of an object's members, as far as they can be read."""
    try:
        for member in each_member(raw):
            yield member.key
    except BrokenJSON:
        return


def _take_broken_list(body: bytes, position: int, broken: BrokenJSON, parts: Split) -> None:
    """Add what can be saved of an EventList that breaks off, or goes on after its end."""
    if broken.key == "items" and body[position : position + 1] == b"[":
        take_elements(body, position, len(body), parts)
    else:
        _recover(body, position, len(body), broken.reason, parts)


def take_elements(body: bytes, start: int, end: int, parts: Split) -> None:
    """Add each element of an array; from the first broken one on, add what can be saved."""
    found: list[tuple[int, int]] = []
    broken: BrokenJSON | None = None
    try:
        for span in each_element(body, start, end):
            found.append(span)
    except BrokenJSON as error:
        broken = error
    position = broken.position if broken else end
    if found and not body[position:end].strip(_BLANKS) and broken and EVENT_START.search(body, found[-1][0] + 1):
        position = found.pop()[0]  # the last item holds other events, and has perhaps taken the list's end for its own
    for first, last in found:
        take_element(body[first:last], parts)
    if broken:
        _recover(body, position, end, broken.reason, parts)


def take_element(raw: bytes, parts: Split) -> None:
    """Add one element of a list of events."""
    if not raw.startswith(b"{"):
        parts.broken.append(Broken(raw, _NO_OBJECT))
    elif len(raw) <= _CHECKED_BYTES and EVENT_START.search(raw, 1) and not _may_be_json(raw):
        _cut(raw, 0, len(raw), "brackets or strings never close", parts)
    else:
        parts.items.append(raw)


def _may_be_json(raw: bytes) -> bool:
    """Tell whether an apiserver could have sent this, which checks what clients send by JSON's grammar."""
    try:
        tolerant.loads(raw)
    except tolerant.TooDeep:
        return True
    except tolerant.Undecodable:
        return False
    return True


def _recover(body: bytes, position: int, end: int, reason: str, parts: Split) -> None:
    """Keep what is whole in the rest of a broken list, if the list's own end is there.

    No client of an apiserver can break the structure of a batch, but a body that was cut off in the middle could end
    inside a patch that imitates an event.
    """
    ended = _END.search(body, max(end - TAIL_LENGTH, position), end)
    if ended:
        _cut(body, position, ended.start(), reason, parts)
    elif body[position:end].strip(_BLANKS):
        parts.broken.append(Broken(body[position:end].rstrip(_BLANKS), reason))


def _cut(body: bytes, start: int, end: int, reason: str, parts: Split) -> None:
    """Cut where events begin, and keep the pieces that are whole."""
    cuts = [start, *(found.start() for found in EVENT_START.finditer(body, start + 1, end)), end]
    for first, last in pairwise(cuts):
        piece = body[first:last].strip(_BLANKS + b",")
        if EVENT_START.match(piece) and _is_whole(piece):
            parts.items.append(piece)
        elif piece:
            parts.broken.append(Broken(piece, reason))


def _is_whole(raw: bytes) -> bool:
    """Tell whether the bytes are one complete object and nothing else, as far as brackets and strings say."""
    try:
        return raw.startswith(b"{") and value_end(raw, 0, len(raw)) == len(raw)
    except BrokenJSON:
        return False
