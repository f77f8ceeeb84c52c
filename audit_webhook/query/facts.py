"""The fields that no column holds: what each reads of an event and its JSON, and which events can have it at all.

The condition on columns lets the database leave out most events; the needle, most chunks. What is left is decided by
the values.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final, NamedTuple

from audit_webhook.events.addresses import is_inside
from audit_webhook.events.bodies import value_at
from audit_webhook.events.event import Event
from audit_webhook.events.exec_command import command_lines
from audit_webhook.events.pod_facts import POD_FACTS, SUBRESOURCES, TEMPLATES, is_copy, specs_of
from audit_webhook.events.recorded_bodies import bodies_of, text_of, values_at
from audit_webhook.events.role_grants import ROLES, role_resources, role_verbs
from audit_webhook.query.syntax import And, Equals, Node, Or

Values = Callable[[Event, bytes], Iterable[str]]


class Fact(NamedTuple):
    """Where a field's values come from, the events that can have some, and what the JSON of these holds."""

    values: Values
    scope: Node
    needle: bytes = b""


ESCAPED: Final = b"\\u00"
"""What JSON holds that spells an ASCII letter otherwise than as itself."""
FAMILIES: Final = ("request.", "response.", "annotation.")
"""Fields that a path follows."""


def _one_of(field: str, values: Iterable[str]) -> Node:
    return Or(tuple(Equals(field, value) for value in values))


_RECORDED: Final = _one_of("level", ("Request", "RequestResponse"))
_PODS: Final = And((_one_of("resource", TEMPLATES), _one_of("sub", SUBRESOURCES), _RECORDED))
_ROLES: Final = And((_one_of("resource", ROLES), Equals("sub", ""), _RECORDED))
_NEEDLES: Final = {
    "pod.hostpath": "hostPath", "pod.capability": "capabilities", "pod.serviceaccount": "serviceAccountName",
    "pod.node": "nodeName",
}


def _of_pods(name: str, event: Event, raw: bytes) -> Iterable[str]:
    return POD_FACTS[name](specs_of(event, raw))


def _copied(event: Event, raw: bytes) -> Iterable[str]:
    return ("true",) if is_copy(event, raw) else ("false",)


def _public(event: Event, raw: bytes) -> Iterable[str]:
    return ("false" if is_inside(event.source_ip) else "true",)


FACTS: Final[dict[str, Fact]] = {
    **{
        name: Fact(partial(_of_pods, name), _PODS, f'"{_NEEDLES[name]}"'.encode() if name in _NEEDLES else b"")
        for name in POD_FACTS
    },
    "exec": Fact(command_lines, And((Equals("resource", "pods"), Equals("sub", "exec")))),
    "role.verbs": Fact(role_verbs, _ROLES, b'"verbs"'),
    "role.resources": Fact(role_resources, _ROLES, b'"rules"'),
    "copied": Fact(_copied, And()),
    "public": Fact(_public, And()),
}
ROLE_SCOPE: Final = _ROLES


def member_fact(family: str, path: str) -> Fact:
    """Return the fact that a path in a body, or an annotation, is."""
    if family == "annotation.":
        first, star, _ = path.partition("*")
        needle = f'"{first}'.encode() + (b"" if star else b'"')
        return Fact(partial(_annotations, path), And(), needle)
    last = max(path.split("."), key=len)
    needle = json.dumps(last).encode() if last.isalnum() and last.isascii() and "." not in path[-1:] else b""
    levels = ("RequestResponse",) if family == "response." else ("Request", "RequestResponse")
    return Fact(partial(_member_values, family == "response.", path), _one_of("level", levels), needle)


def _member_values(is_response: bool, path: str, event: Event, raw: bytes) -> Iterator[str]:
    bodies = bodies_of(raw)
    found = map(text_of, values_at(bodies.response if is_response else bodies.request, path))
    return (text for text in found if text is not None)


def _annotations(key: str, event: Event, raw: bytes) -> Iterator[str]:
    """Yield the texts of the annotations of a key; ``*`` in the key stands for any text."""
    annotations = value_at(raw, "annotations")
    first, star, last = key.partition("*")
    for name, value in annotations.items() if isinstance(annotations, dict) else ():
        is_meant = name.startswith(first) and name[len(first):].endswith(last) if star else name == key
        if is_meant and isinstance(value, str):
            yield value
