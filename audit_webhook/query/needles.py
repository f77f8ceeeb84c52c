"""What a tree demands of an event's stored JSON: bytes that a match holds, so that chunks without them are skipped."""

from __future__ import annotations

import json

from audit_webhook.query.facts import ESCAPED, FACTS, FAMILIES, member_fact
from audit_webhook.query.syntax import And, Body, Grants, Holds, Node, Or

_HTML = str.maketrans({mark: f"\\u{ord(mark):04x}" for mark in "<>&\u2028\u2029"})


def spellings(text: str) -> tuple[bytes, ...]:
    """Give the ways in which a text may stand in JSON: as it is, as JSON writes it, and as Go writes it.

    Go's encoder also escapes what could end a script in HTML (encoding/json, HTMLEscape).
    """
    written = json.dumps(text, ensure_ascii=False)[1:-1]
    forms = dict.fromkeys((text, written, written.translate(_HTML)))
    return tuple(form.encode("utf-8", "surrogatepass") for form in forms)


def needles(node: Node) -> tuple[bytes, ...]:
    """Give bytes of which every match holds at least one in its JSON; empty when there are none to give."""
    match node:
        case Body(parts):
            return spellings(max(parts, key=len))
        case Holds(field, path, _):
            needle = (member_fact(field, path) if field in FAMILIES else FACTS[field]).needle
            return (needle, ESCAPED) if needle else ()
        case Grants(_, _):
            return FACTS["role.verbs"].needle, ESCAPED
        case And(children):
            return max((needles(child) for child in children), key=_rarity, default=())
        case Or(children):
            every = [needles(child) for child in children]
            return tuple(dict.fromkeys(each for found in every for each in found)) if all(every) else ()
        case _:
            return ()


def _rarity(found: tuple[bytes, ...]) -> int:
    """Guess how much a set of needles leaves out: the shortest of them decides."""
    return min(map(len, found), default=0)
