"""Decodes JSON that strict parsers refuse but an apiserver passes on: a client's PATCH is logged as it was sent.

What comes out is always safe to work with: every string can be encoded as UTF-8, and every number can be written as
JSON again. What is too large for a number, or is not one, is given as text.
"""

from __future__ import annotations

import json
import re
from typing import Final, NamedTuple

import orjson

from audit_webhook.events.json_scanner import BrokenJSON, members

LARGEST_INTEGER: Final = 2**64 - 1
SMALLEST_INTEGER: Final = -(2**63)
_LONGEST_INTEGER: Final = 20
_SURROGATES: Final = re.compile(
    r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)
_LONE: Final = len(r"\ud800")


class Undecodable(ValueError):
    """Not even a tolerant parser takes these bytes; the message says why."""


class TooDeep(Undecodable):
    """There are more levels than the parser can take; nothing else is known to be wrong."""


class Shallow(NamedTuple):
    """The members of an object that could be decoded, and the names of those that could not."""

    values: dict[str, object]
    unreadable: tuple[str, ...]


def loads(raw: bytes) -> object:
    """Decode JSON, tolerating what Go's parser tolerates and more; raises Undecodable.

    Bytes that are not UTF-8 and lone surrogates become U+FFFD, NaN, Infinity and numbers beyond 64 bits become text.
    """
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return _loads_slowly(raw.decode("utf-8", "replace").removeprefix("\ufeff"))


def shallow(raw: bytes, skip: frozenset[str]) -> Shallow:
    """Decode an object member by member, without those named in ``skip``; raises Undecodable when it is no object.

    A member that cannot be decoded costs only itself; of a repeated name the last one counts, as in other parsers.
    """
    try:
        found = members(raw)
    except BrokenJSON as error:
        raise Undecodable(str(error)) from error
    values: dict[str, object] = {}
    unreadable: dict[str, None] = {}
    for key, start, end in found:
        if key in skip:
            continue
        try:
            values[key] = loads(raw[start:end])
        except Undecodable:
            unreadable[key] = None
    return Shallow(values, tuple(unreadable))


def _loads_slowly(text: str) -> object:
    if "\\ud" in text or "\\uD" in text:
        text = _SURROGATES.sub(_without_lone, text)
    try:
        value: object = json.loads(
            text, strict=False, parse_int=_integer, parse_float=_fraction, parse_constant=str
        )
    except json.JSONDecodeError as error:
        raise Undecodable(f"{error.msg} at character {error.pos}") from error
    except RecursionError as error:
        raise TooDeep("nested too deeply") from error
    return value


def _without_lone(found: re.Match[str]) -> str:
    text = found[0]
    return "\\ufffd" if len(text) == _LONE else text


def _integer(digits: str) -> int | str:
    """Read an integer of up to 64 bits; longer ones stay text, because Python refuses very long ones."""
    if len(digits) > _LONGEST_INTEGER:
        return digits
    number = int(digits)
    return number if SMALLEST_INTEGER <= number <= LARGEST_INTEGER else digits


def _fraction(digits: str) -> float | str:
    number = float(digits)
    return digits if number in (float("inf"), float("-inf")) else number
