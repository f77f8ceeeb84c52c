"""Finds where the values of a JSON object or array begin and end, whatever is inside them.

A client's PATCH reaches the audit log as it was sent, with text that strict parsers refuse: lone surrogates, bytes that
are not UTF-8, ``1e400``, thousands of levels. All of that is still balanced: brackets and strings are enough to find
the borders. Only the level asked for is read by the grammar of RFC 8259; below it nothing is looked at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec

_SPACE: Final = rb"[ \t\r\n]*+"
_TEXT: Final = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'
_STRING: Final = rb'(?:"[^"]*+"(?<!\\")|"' + _TEXT + rb'")'  # the first form is the second one, but faster
_SCALAR: Final = rb"[0-9A-Za-z+.\-]++"  # wider than numbers and literals: NaN and Infinity are somebody's values too
_BETWEEN: Final = rb"[0-9A-Za-z+.\-,: \t\r\n]*+"
# Possessive, so that the cost is linear; the empty branch, because Python before 3.11.5 leaves the position in the
# middle of a repetition that fails (github.com/python/cpython/issues/106052).
_STRINGS: Final = b"(?:%b%b|)*+%b" % (_BETWEEN, _STRING, _BETWEEN)
# Values of one or two levels, so that most of an event is stepped over by the regular expression alone.
_FLAT: Final = rb"(?:%b|\{%b\}|\[%b\])" % (_STRING, _STRINGS, _STRINGS)
_FLATS: Final = b"(?:%b%b|)*+%b" % (_BETWEEN, _FLAT, _BETWEEN)
_SHALLOW: Final = rb"(?:%b|\{%b\}|\[%b\]|%b)" % (_STRING, _FLATS, _FLATS, _SCALAR)
_MEMBER: Final = re.compile(
    rb'%b"(%b)"%b:%b(?:(%b)%b([,}]))?' % (_SPACE, _TEXT, _SPACE, _SPACE, _SHALLOW, _SPACE), re.DOTALL
)
_SIMPLE: Final = re.compile(_STRING + rb"|" + _SCALAR, re.DOTALL)
_BRACKETS: Final = re.compile(rb"%b(?:([{\[]++)|([}\]]++))" % _STRINGS, re.DOTALL)
_OUTER_BRACKETS: Final = re.compile(rb"%b(?:([{\[]++)|([}\]]++))" % _FLATS, re.DOTALL)
_CLOSING: Final = bytes.maketrans(b"{[", b"}]")
_TO_CLOSING: Final = ord("}") - ord("{")  # as far apart as the square ones are in ASCII
_decode_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_elements: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_any: Final = msgspec.json.Decoder(msgspec.Raw).decode
_BLANK: Final = re.compile(_SPACE)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class BrokenJSON(ValueError):
    """Brackets, strings or commas do not fit; ``position`` is where the value or name that failed begins."""

    def __init__(self, position: int, reason: str, key: str = "") -> None:
        """Note the place, and the name of the member whose value failed if it was one."""
        super().__init__(f"{reason} at byte {position}")
        self.position = position
        self.reason = reason
        self.key = key


class Member(NamedTuple):
    """One member of an object: its name, and where its value begins and ends."""

    key: str
    start: int
    end: int


Found = tuple[str, int, int]  # a member as `members` gives it: making a named one takes as long as to find it
Ends = Mapping[int, int]
NO_ENDS: Final[Ends] = MappingProxyType({})


def members(raw: bytes, start: int = 0, end: int | None = None, ends: Ends = NO_ENDS) -> list[Found]:
    """Give the members of the object that fills this span, in their order, repeated names too; raises BrokenJSON.

    With the ``ends`` that `enclosures` found, what is inside of the values is not read again.
    """
    compact = None if ends else _compact_members(raw, start, len(raw) if end is None else end)
    return list(each_member(raw, start, end, ends)) if compact is None else compact


def elements(raw: bytes, start: int = 0, end: int | None = None, ends: Ends = NO_ENDS) -> list[tuple[int, int]]:
    """Give where each element of the array that fills this span begins and ends; raises BrokenJSON."""
    compact = None if ends else _compact_elements(raw, start, len(raw) if end is None else end)
    return list(each_element(raw, start, end, ends)) if compact is None else compact


def _compact_members(raw: bytes, start: int, stop: int) -> list[Found] | None:
    """Find the members of a usual object quickly; None when it is anything else.

    The parser gives no places, drops repeated names and reads escapes, but each of these, each blank and each character
    of more than a byte leaves the lengths of what it gives short of the span's: when they add up exactly, the places
    follow from them.
    """
    try:
        found = _decode_members(memoryview(raw)[start:stop])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    position = start
    compact: list[Found] = []
    for key, value in found.items():
        first = position + len(key) + 4
        position = first + len(value)
        compact.append((key, first, position))
    return compact if position + 1 == stop else None


def _compact_elements(raw: bytes, start: int, stop: int) -> list[tuple[int, int]] | None:
    """Find the elements of a usual array quickly, by the same sum; None when it is anything else."""
    try:
        found = _decode_elements(memoryview(raw)[start:stop])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    position = start + 1
    compact: list[tuple[int, int]] = []
    for value in found:
        after = position + len(value)
        compact.append((position, after))
        position = after + 1
    return compact if position == stop else None


def each_member(raw: bytes, start: int = 0, end: int | None = None, ends: Ends = NO_ENDS) -> Iterator[Member]:
    """Give the members one by one, so that those before a break are known when it raises BrokenJSON."""
    stop = len(raw) if end is None else end
    position, closed = _enter(raw, start, stop, b"{", b"}")
    while not closed:
        found = _MEMBER.match(raw, position, stop)
        if found is None:
            raise BrokenJSON(position, "a member's name and colon are missing")
        key = _name(found[1])
        if found[2] is not None:
            yield Member(key, found.start(2), found.end(2))
            position, closed = found.end(), found[3] == b"}"
        else:
            value = found.end()
            after = ends.get(value) or value_end(raw, value, stop, key)
            yield Member(key, value, after)
            position, closed = step_over_separator(raw, after, stop, b"}")
    _leave(raw, position, stop)


def each_element(
    raw: bytes, start: int = 0, end: int | None = None, ends: Ends = NO_ENDS
) -> Iterator[tuple[int, int]]:
    """Give the elements one by one, so that those before a break are known when it raises BrokenJSON."""
    stop = len(raw) if end is None else end
    position, closed = _enter(raw, start, stop, b"[", b"]")
    while not closed:
        position = after_blank(raw, position, stop)
        after = ends.get(position) or value_end(raw, position, stop)
        yield position, after
        position, closed = step_over_separator(raw, after, stop, b"]")
    _leave(raw, position, stop)


def value_end(raw: bytes, start: int, end: int, key: str = "") -> int:
    """Give where the value that begins at ``start`` ends; raises BrokenJSON when it does not before ``end``."""
    if raw[start : start + 1] not in (b"{", b"["):
        simple = _SIMPLE.match(raw, start, end)
        if simple is None:
            raise BrokenJSON(start, "a value is missing or never ends", key)
        return simple.end()
    awaited = bytearray(raw[start : start + 1].translate(_CLOSING))
    position = start + 1
    match = _OUTER_BRACKETS.match
    while found := match(raw, position, end):
        position = found.end()
        opening, closing = found.groups()
        if opening is not None:
            awaited += opening.translate(_CLOSING)
            continue
        depth = len(awaited) - len(closing)
        if depth <= 0:  # a run of closing brackets may belong to the levels above as well
            if awaited[::-1] != closing[: len(awaited)]:
                break
            return position + depth
        if awaited[depth:][::-1] != closing:
            break
        del awaited[depth:]
    raise BrokenJSON(start, "brackets or strings never close", key)


def enclosures(raw: bytes, start: int, end: int) -> dict[int, int]:
    """Give the end of every object and array within a value, by where it begins; raises BrokenJSON."""
    ends: dict[int, int] = {}
    opened: list[int] = []
    position = start
    match = _BRACKETS.match
    while found := match(raw, position, end):
        position = found.end()
        if found.lastindex == 1:
            opened.extend(range(found.start(1), position))
            continue
        for closing in range(found.start(2), position):
            opening = opened.pop() if opened else closing
            if raw[opening] != raw[closing] - _TO_CLOSING:
                raise BrokenJSON(closing, "a closing bracket of another kind")
            ends[opening] = closing + 1
    if opened or after_blank(raw, position, end) != end:
        raise BrokenJSON(start, "brackets or strings never close")
    return ends


def is_strict(raw: bytes, start: int, end: int) -> bool:
    """Tell whether a strict parser takes what is in this span, which then is not broken at any level."""
    try:
        _decode_any(memoryview(raw)[start:end])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return False
    return True


def after_blank(raw: bytes, start: int, end: int) -> int:
    """Give the first position from ``start`` on that is not JSON's white space."""
    found = _BLANK.match(raw, start, end)
    return found.end() if found else start


def _enter(raw: bytes, start: int, end: int, opening: bytes, closing: bytes) -> tuple[int, bool]:
    """Step over the opening bracket; the second value says whether nothing is inside."""
    first = after_blank(raw, start, end)
    if first >= end or raw[first : first + 1] != opening:
        raise BrokenJSON(first, "not an object" if opening == b"{" else "not an array")
    inside = after_blank(raw, first + 1, end)
    if inside < end and raw[inside : inside + 1] == closing:
        return inside + 1, True
    return inside, False


def step_over_separator(raw: bytes, start: int, end: int, closing: bytes) -> tuple[int, bool]:
    """Step over the comma or closing bracket after a value; the second value says which it was."""
    position = after_blank(raw, start, end)
    byte = raw[position : position + 1] if position < end else b""
    if byte not in (b",", closing) or not byte:
        raise BrokenJSON(position, "a comma or a closing bracket is missing")
    return position + 1, byte == closing


def _leave(raw: bytes, start: int, end: int) -> None:
    if after_blank(raw, start, end) != end:
        raise BrokenJSON(start, "there is more after the end")


def _name(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace")
    if "\\" not in text:
        return text
    try:
        return _SURROGATE.sub("\ufffd", json.loads(f'"{text}"', strict=False))
    except json.JSONDecodeError:
        return text  # an escape that JSON does not have: no parser would give it another name
