"""Reads single facts from an event's recorded bodies, each at the one place where it counts.

A body may hold anything, also text that looks like an event: nothing here searches the bytes for a fact. The bytes are
only asked whether a name occurs at all, so that most events need no decode.
"""

from __future__ import annotations

from typing import Final

import msgspec

from audit_webhook.events import lenient_json as tolerant
from audit_webhook.events.json_scanner import BrokenJSON, members

DELETIONS: Final = frozenset({"delete", "deletecollection"})
_CONNECTED: Final = frozenset({"exec", "attach", "portforward", "proxy"})
# What answers and requests hold instead of the object.
_NO_OBJECTS: Final = frozenset({
    "", "DeleteOptions", "PartialObjectMetadata", "Scale", "Status", "Table", "WatchEvent",
})
_UNREADABLE: Final = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)


class _Metadata(msgspec.Struct, frozen=True):
    name: str = ""


class _Created(msgspec.Struct, frozen=True):
    metadata: _Metadata = _Metadata()


class _Creation(msgspec.Struct, frozen=True, rename="camel"):
    response_object: _Created = _Created()


class _Options(msgspec.Struct, frozen=True, rename="camel"):
    dry_run: tuple[str, ...] | None = None


class _Deletion(msgspec.Struct, frozen=True, rename="camel"):
    request_object: _Options | None = None


class _EvictionBody(msgspec.Struct, frozen=True, rename="camel"):
    delete_options: _Options | None = None


class _Eviction(msgspec.Struct, frozen=True, rename="camel"):
    request_object: _EvictionBody | None = None


class _Spec(msgspec.Struct, frozen=True):
    unschedulable: bool | None = None


class _Node(msgspec.Struct, frozen=True):
    spec: _Spec | None = None


class _NodeChange(msgspec.Struct, frozen=True, rename="camel"):
    request_object: _Node | None = None


class _Kind(msgspec.Struct, frozen=True):
    kind: str | None = None


class _Kinds(msgspec.Struct, frozen=True, rename="camel"):
    request_object: _Kind | None = None
    response_object: _Kind | None = None


_decode_kinds: Final = msgspec.json.Decoder(_Kinds).decode
_decode_creation: Final = msgspec.json.Decoder(_Creation).decode
_decode_deletion: Final = msgspec.json.Decoder(_Deletion).decode
_decode_node: Final = msgspec.json.Decoder(_NodeChange).decode
_decode_eviction: Final = msgspec.json.Decoder(_Eviction).decode


def created_name(raw: bytes) -> str:
    """Return the name that the apiserver chose, from `responseObject.metadata.name`; empty when it is not recorded.

    With generateName only the answer has it.
    """
    if b'"responseObject"' not in raw and b"\\u" not in raw:
        return ""
    try:
        return _decode_creation(raw).response_object.metadata.name
    except _UNREADABLE:
        name = value_at(raw, "responseObject", "metadata", "name")
        return name if isinstance(name, str) else ""


def is_uncordon(raw: bytes) -> bool:
    """Return whether the recorded body of kubectl's change of a node lets pods be scheduled there again.

    `kubectl cordon` sends `unschedulable: true`, `kubectl uncordon` null (k8s.io/kubectl pkg/drain/cordon.go). Where no
    body was recorded, nobody can tell.
    """
    try:
        node = _decode_node(raw).request_object
        return node is not None and not (node.spec and node.spec.unschedulable)
    except _UNREADABLE:
        return isinstance(value_at(raw, "requestObject"), dict) and (
            value_at(raw, "requestObject", "spec", "unschedulable") is not True
        )


def recorded_kind(raw: bytes) -> str:
    """Return the kind that the recorded object says it is of, as in its answer or else its request; may be empty."""
    if b"Object" not in raw and b"\\u" not in raw:
        return ""
    try:
        found = _decode_kinds(raw)
        kinds = [body.kind for body in (found.response_object, found.request_object) if body and body.kind]
    except _UNREADABLE:
        values = (value_at(raw, name, "kind") for name in ("responseObject", "requestObject"))
        kinds = [kind for kind in values if isinstance(kind, str)]
    return next((kind for kind in kinds if kind not in _NO_OBJECTS and not kind.endswith("List")), "")


def is_dry_run(verb: str, subresource: str, is_in_query: bool, raw: bytes) -> bool:
    """Return whether a request for a resource asked for a dry run; ``is_in_query`` is whether its URI's query did.

    The options of a deletion are its body, which then counts alone (k8s.io/apiserver pkg/endpoints/handlers/delete.go);
    those of an eviction are the member `deleteOptions` of its body (pkg/registry/core/pod/storage/eviction.go).
    The query of a connected request, such as a proxied one, belongs to what is behind it.
    """
    if verb in DELETIONS:
        return _is_dry_deletion(is_in_query, raw) if is_in_query or _may_hold_dry_run(raw) else False
    if verb == "create" and subresource == "eviction" and _may_hold_dry_run(raw):
        return is_in_query or _is_dry_eviction(raw)
    return is_in_query and subresource not in _CONNECTED


def _may_hold_dry_run(raw: bytes) -> bool:
    """Return whether the name occurs at all: no more than a reason to decode the bodies."""
    return b"dryRun" in raw or b"\\u" in raw


def _is_dry_deletion(is_in_query: bool, raw: bytes) -> bool:
    try:
        options = _decode_deletion(raw).request_object
        return is_in_query if options is None else "All" in (options.dry_run or ())
    except _UNREADABLE:
        body = value_at(raw, "requestObject")
    return _asks(body) if isinstance(body, dict) else is_in_query


def _is_dry_eviction(raw: bytes) -> bool:
    try:
        body = _decode_eviction(raw).request_object
        options = body.delete_options if body else None
        return "All" in (options.dry_run or ()) if options else False
    except _UNREADABLE:
        return _asks(value_at(raw, "requestObject", "deleteOptions"))


def _asks(options: object) -> bool:
    asked = options.get("dryRun") if isinstance(options, dict) else None
    return isinstance(asked, list) and "All" in asked


def value_at(raw: bytes, *path: str) -> object:
    """Return the value that lies at a path of member names; None when there is none or it cannot be read.

    Of a repeated name the last one counts. Values beside the path are stepped over, whatever is in them.
    """
    start, end = 0, len(raw)
    try:
        for name in path:
            start, end = next((first, last) for key, first, last in reversed(members(raw, start, end)) if key == name)
        return tolerant.loads(raw[start:end])
    except (BrokenJSON, StopIteration, tolerant.Undecodable):
        return None
