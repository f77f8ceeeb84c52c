"""Restores an event that a shipper wrote again: members in the kube-apiserver's order, without those added.

The kube-apiserver writes the members of an event in the order of its Go type, without spaces, with maps sorted and the
characters < > & escaped (k8s.io/apiserver pkg/apis/audit/v1/types.go, encoding/json). What holds no body has the very
bytes of the original again then, and is stored once; bodies keep the order of their members.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import orjson

from audit_webhook.events.json_scanner import members
from audit_webhook.events.lenient_json import Undecodable

ORDER: Final = (
    "kind", "apiVersion", "level", "auditID", "stage", "requestURI", "verb", "user", "impersonatedUser",
    "authenticationMetadata", "sourceIPs", "userAgent", "objectRef", "responseStatus", "requestObject",
    "responseObject", "requestReceivedTimestamp", "stageTimestamp", "annotations",
)
OLD_MEMBERS: Final = ("timestamp", "metadata")
"""What v1alpha1 and v1beta1 hold beside these; of v1 they are a collector's."""
_USER: Final = ("username", "uid", "groups", "extra")
_REFERENCE: Final = ("resource", "namespace", "name", "uid", "apiGroup", "apiVersion", "resourceVersion", "subresource")
_STATUS: Final = ("kind", "apiVersion", "metadata", "status", "message", "reason", "details", "code")
_MARKS: Final = (
    "auditID", "verb", "level", "stage", "requestURI", "user", "stageTimestamp", "requestReceivedTimestamp",
)
_ESCAPES: Final = (
    (b"<", b"\\u003c"), (b">", b"\\u003e"), (b"&", b"\\u0026"), ("\u2028".encode(), b"\\u2028"),
    ("\u2029".encode(), b"\\u2029"),
)
FEWEST_MARKS: Final = 4
BODIES: Final = ("requestObject", "responseObject")
MOST_BRACKETS: Final = 200
"""With more of them, a body may have more levels than are written again."""
BODY_ENDING: Final = b'Object"'
_NUMBER: Final = re.compile(rb"[:,\[]\s*+-?\d++(?:[.eE]|(?<=\d{16}))")
"""What numbers look like that may not be written as they were read."""


def is_event(document: dict[str, Any]) -> bool:
    """Return whether an object is an audit event: it has a verb and a level, and some more of its members."""
    if not isinstance(document.get("verb"), str) or not isinstance(document.get("level"), str):
        return False
    return sum(name in document for name in _MARKS) >= FEWEST_MARKS


def has_other_members(document: dict[str, Any]) -> bool:
    """Return whether somebody added members."""
    return any(name not in ORDER and name not in OLD_MEMBERS for name in document)


def is_in_order(document: dict[str, Any]) -> bool:
    """Return whether the members stand as a kube-apiserver writes them, whatever else is among them."""
    known = [name for name in document if name in ORDER]
    return known == [name for name in ORDER if name in document]


def restore(document: dict[str, Any], text: bytes | None = None) -> bytes:
    """Return the bytes that a kube-apiserver would have written, without kind and version.

    ``text`` is what the document was read from, where it is known: bodies that would not be the same after reading and
    writing, because of their numbers or levels, keep their bytes. Raises Undecodable for more levels without a text.
    """
    is_old = "stageTimestamp" not in document and "requestReceivedTimestamp" not in document
    names = [*ORDER[2:], *(OLD_MEMBERS if is_old else ())]
    bodies = _bodies_in(text) if text is not None else {}
    pieces = [
        b'"%b":%b' % (name.encode(), bodies[name] if name in bodies else _written(_tidy(name, document[name])))
        for name in names if name in document
    ]
    return b"{%b}" % b",".join(pieces)


def _bodies_in(text: bytes) -> dict[str, bytes]:
    """Return the bytes of those bodies in an event's text that may be others after reading and writing."""
    if BODY_ENDING not in text:
        return {}
    bodies = {key: text[start:end] for key, start, end in members(text) if key in BODIES}
    return {key: body for key, body in bodies.items() if _is_exact(body)}


def _is_exact(body: bytes) -> bool:
    """Return whether a body has numbers or levels that may be others after reading and writing."""
    return _NUMBER.search(body) is not None or body.count(b"[") + body.count(b"{") > MOST_BRACKETS


def _written(value: Any) -> bytes:
    """Return a value as the kube-apiserver writes it; raises Undecodable for too many levels."""
    try:
        raw = orjson.dumps(value)
    except orjson.JSONEncodeError:
        try:
            raw = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
        except RecursionError as error:
            raise Undecodable("it has too many levels") from error
    for character, escape in _ESCAPES:
        raw = raw.replace(character, escape)
    return raw


def _tidy(name: str, value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if name in ("user", "impersonatedUser"):
        extra = value.get("extra")
        return _ordered({**value, **({"extra": _sorted(extra)} if isinstance(extra, dict) else {})}, _USER)
    if name == "objectRef":
        return _ordered(value, _REFERENCE)
    if name == "responseStatus":
        return _ordered(value, _STATUS)
    return _sorted(value) if name == "annotations" else value


def _ordered(value: dict[str, Any], order: tuple[str, ...]) -> dict[str, Any]:
    known = {name: value[name] for name in order if name in value}
    return {**known, **{name: each for name, each in value.items() if name not in known}}


def _sorted(value: dict[str, Any]) -> dict[str, Any]:
    return dict(sorted(value.items()))
