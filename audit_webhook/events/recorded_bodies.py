"""The objects that an event's recorded bodies hold, for whatever asks about their members.

A body may be the object, a patch of it in any of the three formats, a `Status`, a list or nothing. Everything in it may
be made by an attacker: one decode of the bytes, walks that visit each member once, and nothing that nests deeper than
the decoder allows.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from audit_webhook.events.bodies import value_at
from audit_webhook.events.event import Event

MOST_SEGMENTS: Final = 20
_NO_OBJECTS: Final = frozenset({
    "DeleteOptions", "PartialObjectMetadata", "Scale", "Status", "Table", "WatchEvent",
})
_UNREADABLE: Final = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
_last = threading.local()


class Bodies(NamedTuple):
    """The decoded bodies of an event; None for one that is absent or cannot be read."""

    request: object
    response: object


class _Bodies(msgspec.Struct, rename="camel"):
    request_object: Any = None
    response_object: Any = None


_decode: Final = msgspec.json.Decoder(_Bodies).decode
NO_BODIES: Final = Bodies(None, None)


def bodies_of(raw: bytes) -> Bodies:
    """Return the bodies of an event; those of the event asked about last are kept, one a thread."""
    if getattr(_last, "raw", None) is not raw:
        _last.bodies, _last.raw = _read(raw), raw
    bodies: Bodies = _last.bodies
    return bodies


def _read(raw: bytes) -> Bodies:
    if b"Object" not in raw and b"\\u" not in raw:
        return NO_BODIES
    try:
        found = _decode(raw)
        return Bodies(found.request_object, found.response_object)
    except _UNREADABLE:
        return Bodies(value_at(raw, "requestObject"), value_at(raw, "responseObject"))


def objects_of(event: Event, raw: bytes) -> list[dict[str, Any]]:
    """Return the objects that a request wrote, whole or in parts; empty when they are not recorded.

    A patch counts for itself: what it does not mention was there before. Each operation of a JSON patch (RFC 6902) that
    adds or replaces is an object of its own.
    """
    bodies = bodies_of(raw)
    if event.verb == "patch" and (found := _patched(bodies.request)):
        return found
    return _object(bodies.response) or _object(bodies.request)


def _object(body: object) -> list[dict[str, Any]]:
    """Return a body if it is the object of the request, in a list of its own."""
    kind = body.get("kind") if isinstance(body, dict) else None
    is_other = isinstance(kind, str) and (kind in _NO_OBJECTS or kind.endswith("List"))
    return [body] if isinstance(body, dict) and not is_other else []


def _patched(body: object) -> list[dict[str, Any]]:
    if isinstance(body, dict):
        return [body] if body else []
    operations = body if isinstance(body, list) else []
    nested = [_nest(each) for each in operations if isinstance(each, dict) and each.get("op") in ("add", "replace")]
    return [each for each in nested if isinstance(each, dict)]


def _nest(operation: dict[str, Any]) -> object:
    """Return the value of an operation inside of the objects and lists that its JSON Pointer names."""
    path = operation.get("path")
    segments = path.split("/", MOST_SEGMENTS)[1:] if isinstance(path, str) else []
    value: object = operation.get("value")
    for segment in reversed(segments):
        name = segment.replace("~1", "/").replace("~0", "~")
        value = [value] if name == "-" or name.isdigit() else {name: value}
    return value


def values_at(root: object, path: str) -> Iterator[object]:
    """Yield the values at a path of member names with dots between them; of a list every element counts.

    A name may hold dots itself, as labels do; ``*`` stands for any name. More than `MOST_SEGMENTS` names are never
    there.
    """
    if path.count(".") >= MOST_SEGMENTS:
        return
    waiting: list[tuple[object, str]] = [(root, path)]
    while waiting:
        node, rest = waiting.pop()
        if isinstance(node, list):
            waiting.extend((each, rest) for each in reversed(node))
        elif not rest:
            yield node
        elif isinstance(node, dict):
            waiting.extend(_members(node, rest))


def _members(node: dict[str, Any], path: str) -> Iterator[tuple[object, str]]:
    """Yield the members that a path may lead on to, each with the rest of the path."""
    if path == "*" or path.startswith("*."):
        for value in node.values():
            yield value, path[2:]
        return
    end = path.find(".")
    while end >= 0:
        if path[:end] in node:
            yield node[path[:end]], path[end + 1:]
        end = path.find(".", end + 1)
    if path in node:
        yield node[path], ""


def text_of(value: object) -> str | None:
    """Return a member's value as a query writes it; ``{}`` for an object, None for null."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return "{}" if isinstance(value, dict) else None
