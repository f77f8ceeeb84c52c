"""JSON from events for people: as a flat list of nodes that a template turns into a folding tree, and indented.

Neither recurses, so no depth that a client sends is too deep; both stop at a size that a browser still likes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from audit_webhook.events.visible_text import shown

MOST_NODES: Final = 3_000
DEEPEST: Final = 40
OPEN_LEVELS: Final = 3
LARGEST_OPEN: Final = 40
LONGEST_TEXT: Final = 4_000
INDENTED_BYTES: Final = 256 * 1024
INDENTED_LENGTH: Final = 4 * INDENTED_BYTES
_BREAKS: Final = tuple("\n" + "  " * depth for depth in range(DEEPEST + 1))
_FOLDED: Final = frozenset({"managedFields"})
# A text that never ends is one token up to the end: the JSON may have been cut within it.
_TOKEN: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[{}\[\],:]|[^\s"{}\[\],:]++', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Node:
    """A step through a tree: ``open`` begins an object or array, ``close`` ends it, ``leaf`` is a plain value."""

    kind: str
    key: str = ""
    text: str = ""
    tone: str = ""
    is_open: bool = False


_CLOSE: Final = Node("close")


def nodes_of(value: object) -> list[Node]:
    """Walk through a decoded value; what lies too deep or beyond the largest number of nodes is said to be left out."""
    found: list[Node] = []
    levels = [iter([("", value)]) if not isinstance(value, dict | list) else _children(value)]
    while levels:
        entry = next(levels[-1], None)
        if entry is None:
            levels.pop()
            found.append(_CLOSE)
        elif len(found) >= MOST_NODES:
            found.append(Node("leaf", text="… more is left out here; the raw JSON has all of it", tone="z"))
            return found + [_CLOSE] * (len(levels) - 1)
        else:
            found.append(_node(*entry, len(levels)))
            if found[-1].kind == "open" and isinstance(entry[1], dict | list):
                levels.append(_children(entry[1]))
    return found[:-1]


def _children(value: dict[str, object] | list[object]) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        return ((str(key), each) for key, each in value.items())
    return ((str(position), each) for position, each in enumerate(value))


def _node(key: str, value: object, depth: int) -> Node:
    key = shown(key, longest=300)
    if not isinstance(value, dict | list):
        return _leaf(key, value)
    if not value:
        return Node("leaf", key, "{}" if isinstance(value, dict) else "[]", "z")
    if depth >= DEEPEST:
        return Node("leaf", key, "… deeper than shown here; the raw JSON has all of it", "z")
    is_open = depth < OPEN_LEVELS and len(value) <= LARGEST_OPEN and key not in _FOLDED
    return Node("open", key, _size(value), is_open=is_open)


def _size(value: dict[str, object] | list[object]) -> str:
    if isinstance(value, list):
        return f"[{len(value)}]"
    name = value.get("name")
    if isinstance(name, str):
        return "{" + shown(name, longest=60) + "}"
    return f"{{{len(value)}}}"


def _leaf(key: str, value: object) -> Node:
    if isinstance(value, str):
        return Node("leaf", key, shown(value, kept="\n\t", longest=LONGEST_TEXT), "s")
    if value is None or isinstance(value, bool):
        return Node("leaf", key, json.dumps(value), "n")
    return Node("leaf", key, shown(str(value)), "n")


def indent(text: str) -> str:
    """Break JSON into indented lines without changing any of its tokens; what is no JSON comes out as it can.

    Only white space between tokens differs from what was received: duplicate keys, big numbers and escapes stay. Short
    tokens on deep levels are mostly white space: what is longer than `INDENTED_LENGTH` with it is left out.
    """
    pieces: list[str] = []
    depth, length = 0, 0
    previous = ""
    for found in _TOKEN.finditer(text):
        token = found[0]
        if token in ("}", "]"):
            depth -= 1
        if _breaks(previous, token):
            # Deep nesting must not make the text quadratically longer.
            pieces.append(_BREAKS[max(0, min(depth, DEEPEST))])
            length += len(pieces[-1])
        elif previous == ":":
            pieces.append(" ")
        pieces.append(token)
        length += len(token)
        if length > INDENTED_LENGTH:
            return "".join(pieces) + "\n… the rest is left out here; the raw JSON has all of it"
        if token in ("{", "["):
            depth += 1
        previous = token
    return "".join(pieces)


def _breaks(previous: str, token: str) -> bool:
    if token in ("}", "]"):
        return previous not in ("{", "[")
    return previous in ("{", "[", ",")
