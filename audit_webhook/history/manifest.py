"""Writes decoded JSON as YAML, line by line and as kubectl does, each line with the mark of what it stands for.

Strict rather than pretty: what any YAML 1.1 or 1.2 parser could take for something else than text is quoted, and what
cannot be seen is escaped, so that a line can be shown as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from audit_webhook.events.visible_text import is_hidden

DEEPEST: Final = 100
MOST_NODES: Final = 50_000
"""Members and items of one object that are compared; the largest type definitions in use have some 30,000."""
_PLAIN: Final = re.compile(r"[A-Za-z_/][\w./@-]*(?:[ :]+[\w./@-]+)*", re.ASCII)
_AMBIGUOUS: Final = re.compile(r":(?: |$)|[ :]{2}")
_QUANTITY: Final = re.compile(r"[1-9][0-9]{0,17}(?:m|k|M|G|T|Ki|Mi|Gi|Ti|s|h)", re.ASCII)
_WORDS: Final = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
_BLOCK: Final = re.compile(r"[^\s].*", re.DOTALL)
_LONGEST_PLAIN: Final = 400
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """A number for a value, and the marks of what is inside; without any, all of it has the same number."""

    number: int
    inside: dict[str, Pseudonyms] | list[Pseudonyms] | None = None

    def below(self, key: str | int) -> Pseudonyms:
        """Give the marks of a member or an item."""
        if isinstance(self.inside, dict):
            return self.inside.get(str(key), Pseudonyms(self.number))
        if isinstance(self.inside, list) and isinstance(key, int) and key < len(self.inside):
            return self.inside[key]
        return Pseudonyms(self.number)


class Line(NamedTuple):
    """One line of YAML and the number of what it shows."""

    text: str
    number: int = 0


UNMARKED: Final = Pseudonyms(0)


class Extent(NamedTuple):
    """How much a value is: the members and items on all of its levels, and how many levels it has."""

    nodes: int
    depth: int

    @property
    def is_too_deep(self) -> bool:
        """Whether the value has more levels than the functions of this package take."""
        return self.depth > DEEPEST

    @property
    def is_too_large(self) -> bool:
        """Whether the value has more members and items than this package compares."""
        return self.nodes > MOST_NODES


def extent_of(value: object) -> Extent:
    """Measure a value, up to where it is too deep or too large."""
    nodes, depth = 0, 0
    level = [value] if isinstance(value, dict | list) else []
    while level and depth <= DEEPEST and nodes <= MOST_NODES:
        depth += 1
        nodes += sum(map(len, level))
        level = [
            each for outer in level for each in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(each, dict | list)
        ] if nodes <= MOST_NODES else []
    return Extent(nodes, depth)


def is_too_deep(value: object) -> bool:
    """Whether a value has more levels than the functions of this package take."""
    return extent_of(value).is_too_deep


def to_yaml(value: object) -> str:
    """Give a value as a YAML document."""
    return "".join(f"{line.text}\n" for line in write(value))


def write(value: object, marks: Pseudonyms = UNMARKED, indent: str = "") -> Iterator[Line]:
    """Give the lines of a value; those of an object or array stand at the indent."""
    if isinstance(value, dict) and value:
        for key, each in value.items():
            yield from write_member(str(key), each, marks.below(str(key)), indent)
    elif isinstance(value, list) and value:
        for position, each in enumerate(value):
            yield from write_item(each, marks.below(position), indent)
    else:
        yield from _attach(indent, value, marks, indent + "  ")


def write_member(key: str, value: object, marks: Pseudonyms = UNMARKED, indent: str = "") -> Iterator[Line]:
    """Give the lines of a key and its value."""
    name = f"{indent}{write_key(key)}:"
    if isinstance(value, dict) and value:
        yield Line(name, marks.number)
        yield from write(value, marks, indent + "  ")
    elif isinstance(value, list) and value:
        yield Line(name, marks.number)
        yield from write(value, marks, indent)
    else:
        yield from _attach(f"{name} ", value, marks, indent + "  ")


def write_item(value: object, marks: Pseudonyms = UNMARKED, indent: str = "") -> Iterator[Line]:
    """Give the lines of an item of an array: the first one begins with its dash."""
    if isinstance(value, dict | list) and value:
        lines = write(value, marks, indent + "  ")
        first = next(lines)
        yield Line(f"{indent}- {first.text[len(indent) + 2:]}", first.number)
        yield from lines
    else:
        yield from _attach(f"{indent}- ", value, marks, indent + "  ")


def write_key(key: str) -> str:
    """Give a key, quoted unless it is plain beyond doubt."""
    return key if _is_plain(key) else quote(key)


def _attach(lead: str, value: object, marks: Pseudonyms, indent: str) -> Iterator[Line]:
    """Give a value that has no members, behind what leads to it: on one line, or as a block of text."""
    if isinstance(value, str) and _is_block(value):
        chomping = "-" if not value.endswith("\n") else "+" if value.endswith("\n\n") else ""
        yield Line(f"{lead}|{chomping}", marks.number)
        for line in value.removesuffix("\n").split("\n"):
            yield Line(f"{indent}{line}" if line else "", marks.number)
    else:
        yield Line(lead + write_scalar(value), marks.number)


def write_scalar(value: object) -> str:
    """Give a text, a number, a truth, nothing, or an empty object or array on one line."""
    if isinstance(value, str):
        is_bare = _is_plain(value) or _QUANTITY.fullmatch(value) is not None
        return value if is_bare else quote(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float):
        text = repr(value)
        # YAML 1.1 takes 1e+16 for a text: its floats have a point.
        return text if "." in text or "n" in text else text.replace("e", ".0e")
    if isinstance(value, dict):
        return "{}"
    return "[]" if isinstance(value, list) else str(value)


def _is_plain(text: str) -> bool:
    return (
        len(text) <= _LONGEST_PLAIN
        and _PLAIN.fullmatch(text) is not None
        and _AMBIGUOUS.search(text) is None
        and text.lower() not in _WORDS
    )


def _is_block(text: str) -> bool:
    """Whether a text of several lines can stand as it is: nothing unseen, no line that begins or ends oddly."""
    if "\n" not in text or not _BLOCK.match(text):
        return False
    return all(line.isprintable() and line == line.rstrip() for line in text.split("\n"))


def quote(text: str) -> str:
    """Give a text in double quotes, with what cannot be seen escaped."""
    return '"' + "".join(_escape(character) for character in text) + '"'


def _escape(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if not is_hidden(character):
        return character
    number = ord(character)
    if 0xD800 <= number <= 0xDFFF:
        return "\\ufffd"  # half of a pair, which no YAML can hold
    return f"\\U{number:08x}" if number > 0xFFFF else f"\\u{number:04x}"
