"""Describes the JSON interface in OpenAPI (spec.openapis.org/oas/v3.1.0); tests hold the server to it."""

from __future__ import annotations

from typing import Final, get_args

from audit_webhook import __version__
from audit_webhook.event import KINDS
from audit_webhook.history.life import Deed

Schema = dict[str, object]

_TEXT: Final[Schema] = {"type": ["string", "null"]}
_ULID: Final = "[0-7][0-9A-HJKMNP-TV-Z]{25}"
_ID: Final[Schema] = {"type": "string", "pattern": f"^{_ULID}$"}
_TIME: Final[Schema] = {"type": "string", "format": "date-time"}
_TEXTS: Final = (
    "level", "stage", "verb", "user", "impersonated_user", "source_ip", "user_agent", "namespace", "group", "resource",
    "subresource", "name", "decision", "reason", "request_uri", "audit_id",
)
EVENT: Final[dict[str, Schema]] = {
    "id": _ID,
    "cluster": {"type": "string"},
    "time": _TIME,
    "received": _TIME,
    "code": {"type": ["integer", "null"], "minimum": 1, "maximum": 999},
    "user_groups": {"type": "array", "items": {"type": "string"}},
    "summary": {"type": "string"},
    "kubectl": {"type": ["object", "null"]},
    **{name: _TEXT for name in _TEXTS},
}
COMMAND: Final[dict[str, Schema]] = {
    "command": {**_TEXT, "description": "One line for a POSIX shell; null when kubectl has no form for it."},
    "confidence": {"type": ["string", "null"], "enum": ["exact", "likely", "equivalent", None]},
    "summary": {"type": "string"},
    "evidence": {"type": "array", "items": {"type": "string"}},
    "unknown": {"type": "array", "items": {"type": "string"}},
    "stdin": {**_TEXT, "description": "What it read from standard input, as far as it was recorded."},
    "cluster": {"type": "string"},
    "user": _TEXT,
    "time": _TIME,
    "events": {"type": "array", "items": _ID, "minItems": 1},
}
_MISTAKE: Final[dict[str, Schema]] = {
    "error": {"type": "string"},
    "message": {"type": "string"},
    "status": {"type": "integer"},
    "position": {"type": "integer", "description": "where in q the mistake is, in characters"},
    "length": {"type": "integer"},
    "expected": {"type": "array", "items": {"type": "string"}},
}


def describe(base: str = "") -> dict[str, object]:
    """Give the document; ``base`` is the path below which the server is reached."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Audit webhook", "version": __version__, "license": {"name": "Apache-2.0"}},
        "servers": [{"url": f"{base}/api/v1"}],
        "paths": {
            "/events": {"get": _operation("listEvents", "A page of matching events, newest first.", _LIST, _PAGE)},
            "/events/{id}": {"get": _operation("getEvent", "One event with its original JSON.", _ONE, _WITH_RAW, 404)},
            "/commands": {"get": _operation(
                "listCommands", "A page of the commands behind matching events, newest first.", _FOLD, _COMMANDS
            )},
            "/export": {"get": _operation("exportEvents", "All matching events as a file.", _EXPORT, _FILES)},
            "/histogram": {"get": _operation("getHistogram", "How many matching events when.", _BY, _HISTOGRAM)},
            "/facets": {"get": _operation("getFacets", "Which values matching events have.", [_Q], _FACETS)},
            "/objects/{cluster}/{group}/{resource}/{namespace}/{name}": {"get": _operation(
                "getObject", "An object's life: its changes, newest first, and its manifest.", _PLACE, _LIFE
            )},
            "/actors/{cluster}": {"get": _operation("listActors", "Who was seen in a cluster.", [_CLUSTER], _ACTORS)},
            "/actors/{cluster}/{name}": {"get": _operation(
                "getActor", "What is known of an actor: when, from where, as whom.", [_CLUSTER, _NAME], _ACTOR
            )},
            "/losses": {"get": _operation(
                "listLosses", "What was lost or may have been, newest first, and who sends.", _LOST, _LOSSES
            )},
            "/losses/{id}": {"get": _operation(
                "getLoss", "A loss with the events that a kube-apiserver's log names.", _ONE_LOSS, _NAMED_LOSS, 404
            )},
        },
        "components": {"schemas": {
            "Event": _record(EVENT),
            "Command": _record(COMMAND),
            "Error": _record(_MISTAKE, "error", "message", "status"),
        }},
    }


def _record(properties: dict[str, Schema], *required: str) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required or properties)}


def _json(schema: Schema) -> dict[str, object]:
    return {"application/json": {"schema": schema}}


def _operation(
    name: str, summary: str, parameters: list[Schema], content: dict[str, object], *errors: int
) -> dict[str, object]:
    mistake = _json({"$ref": "#/components/schemas/Error"})
    reasons = {400: "A parameter cannot be used.", 404: "There is no such event.", 503: "Try again later."}
    answers = {str(code): {"description": reasons[code], "content": mistake} for code in (400, *errors, 503)}
    return {
        "operationId": name,
        "summary": summary,
        "parameters": parameters,
        "responses": {"200": {"description": summary, "content": content}, **answers},
    }


def _parameter(name: str, meaning: str, schema: Schema, place: str = "query") -> Schema:
    return {"name": name, "in": place, "required": place == "path", "description": meaning, "schema": schema}


_Q: Final = _parameter("q", "A query; without one, everything matches.", {"type": "string", "maxLength": 4096})
_LIST: Final = [
    _Q,
    _parameter("limit", "How many events at most.", {"type": "integer", "minimum": 1, "maximum": 500, "default": 50}),
    _parameter("cursor", "What the page before gave as next.", _ID),
]
_FOLD: Final = [
    *_LIST[:1],
    _parameter(
        "limit", "How many events at most are folded into commands.",
        {"type": "integer", "minimum": 1, "maximum": 500, "default": 50},
    ),
    _parameter(
        "cursor", "What the page before gave as next.",
        {"type": "string", "pattern": f"^{_ULID}(\\.{_ULID}){{0,200}}$"},
    ),
]
_ONE: Final = [_parameter("id", "The event's id.", _ID, "path")]
_EXPORT: Final = [
    _Q,
    _parameter("format", "How events are written.", {"type": "string", "enum": ["ndjson", "csv"], "default": "ndjson"}),
]
_PAGE: Final = _json(_record({
    "events": {"type": "array", "items": {"$ref": "#/components/schemas/Event"}},
    "next": {
        "type": ["string", "null"],
        "description": "The cursor of the next page; null at the end. A page may be short although more is to come.",
    },
}))
_COMMANDS: Final = _json(_record({
    "commands": {"type": "array", "items": {"$ref": "#/components/schemas/Command"}},
    "next": {
        "type": ["string", "null"],
        "description": "The cursor of the next page, which leaves out what this one has folded; null at the end.",
    },
}))
_WITH_RAW: Final = _json({"allOf": [
    {"$ref": "#/components/schemas/Event"}, _record({"raw": {"type": "string", "description": "The JSON as stored."}}),
]})
_FILES: Final[dict[str, object]] = {
    "application/x-ndjson": {"schema": {"type": "string", "description": "An Event in JSON on each line."}},
    "text/csv": {"schema": {"type": "string"}},
}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_COUNTED: Final[dict[str, Schema]] = {
    "exact": {"type": "boolean", "description": "Whether all was counted; if not, each number is a least one."},
    "total": _COUNT,
}
_BY: Final = [
    _Q,
    _parameter("by", "What the series are.", {"type": "string", "enum": ["outcome", "verb"], "default": "outcome"}),
]
_HISTOGRAM: Final = _json(_record({
    **_COUNTED,
    "start": {**_TIME, "description": "When the first bar begins."},
    "step": {"type": "number", "description": "How many seconds wide each bar is."},
    "series": {"type": "object", "additionalProperties": {"type": "array", "items": _COUNT}},
}))
_VALUE: Final = _record({"value": {"type": "string"}, "events": _COUNT})
_FACETS: Final = _json(_record({
    **_COUNTED,
    "facets": {"type": "object", "additionalProperties": {"type": "array", "items": _VALUE, "maxItems": 100}},
}))
_PART: Final[Schema] = {"type": "string", "pattern": "^[a-z0-9][a-z0-9.-]{0,62}$"}
_CLUSTER: Final = _parameter("cluster", "The cluster's name.", _PART, "path")
_WORD: Final[Schema] = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9:@._-]{0,252}$"}
_NAME: Final = _parameter("name", "The name, escaped for a path.", _WORD, "path")
_PLACE: Final = [
    _CLUSTER,
    _parameter("group", "The API group; core for the core.", _PART, "path"),
    _parameter("resource", "The resource, in the plural.", _PART, "path"),
    _parameter(
        "namespace", "The namespace; - for an object outside of namespaces.",
        {"type": "string", "pattern": "^(-|[a-z0-9][a-z0-9-]{0,62})$"}, "path",
    ),
    _NAME,
    _parameter("before", "What the part before gave as older.", _ID),
]
_FLAG: Final[Schema] = {"type": "boolean"}
_LINES: Final[Schema] = {
    "type": ["array", "null"], "items": {"type": "string", "pattern": "^[ +-]"},
    "description": "Lines of YAML after a sign: added, removed, or leading there; null where it is not known.",
}
_CHANGE: Final = _record({
    "event": {"$ref": "#/components/schemas/Event"},
    "deed": {"type": "string", "enum": list(get_args(Deed))},
    "note": _TEXT,
    "gap": {**_COUNT, "description": "How many requests before this one may have part in the difference."},
    "is_partial": _FLAG,
    "is_rebuilt": {**_FLAG, "description": "Whether the state was worked out from the request."},
    "diff": _LINES,
    "status_diff": _LINES,
    "left_out": {**_COUNT, "description": "How many lines there was no room for."},
    "unrecorded": {"oneOf": [{"type": "null"}, _record({
        "since": {"type": ["string", "null"], "format": "date-time"},
        "until": _TIME,
        "at_least": {**_COUNT, "description": "How many requests there were at least."},
        "is_certain": {**_FLAG, "description": "False: the server may have made the change within the request."},
        "diff": _LINES,
    })], "description": "What changed before this request by requests that are not recorded."},
})
_LINE: Final = _record({
    "text": {"type": "string"},
    "event": {"type": ["string", "null"], "description": "The event that set the line; null: before all recorded."},
    "or_before": {**_FLAG, "description": "Whether an earlier request without content may have set it."},
    "is_unrecorded": {**_FLAG, "description": "Set before the event, by requests that are not recorded."},
})
_LIFE: Final = _json(_record({
    **{name: {"type": "string"} for name in ("cluster", "group", "resource", "namespace", "name")},
    "exists": {"type": ["boolean", "null"], "description": "Null when it is not known."},
    "changes": {"type": "array", "items": _CHANGE},
    "older": {"type": ["string", "null"], "description": "For before: there is an earlier part."},
    "manifest": {"type": "array", "items": _LINE},
    "manifest_left_out": _COUNT,
    "manifest_is_partial": _FLAG,
    "manifest_gap": {**_COUNT, "description": "How many later requests were recorded without content."},
}))
_DAY: Final[Schema] = {"type": "string", "format": "date", "description": "The day (UTC) of the last receipt."}
_DATED: Final[Schema] = {"type": "array", "items": _record({"value": {"type": "string"}, "last_day": _DAY})}
_VALUES: Final[Schema] = {"type": "array", "items": _VALUE}
_KIND: Final[Schema] = {"type": "string", "enum": list(KINDS)}
_ACTORS: Final = _json(_record({
    "cluster": {"type": "string"},
    "actors": {"type": "array", "items": _record({"name": {"type": "string"}, "kind": _KIND, "last_day": _DAY})},
}))
_DEEDS: Final[Schema] = {"type": "array", "items": _record({
    **{name: _TEXT for name in ("verb", "group", "resource", "subresource")}, "events": _COUNT,
})}
_EVENTS: Final[Schema] = {"type": "array", "items": {"$ref": "#/components/schemas/Event"}}
_ACTOR: Final = _json(_record({
    "cluster": {"type": "string"},
    "name": {"type": "string"},
    "kind": _KIND,
    "groups": {"type": "array", "items": {"type": "string"}},
    "first": {"type": ["string", "null"], "format": "date-time"},
    "last": {"type": ["string", "null"], "format": "date-time"},
    "active": {"type": "array", "items": _TIME, "description": "Starts of the ten-minute windows of the last weeks."},
    **{name: _DATED for name in ("addresses", "programs", "acted_as", "impersonated_by")},
    "events_read": {**_COUNT, "description": "How many of the newest events were read for what follows."},
    "events_read_are_all": _FLAG,
    "deeds": _DEEDS,
    **{name: _VALUES for name in ("credentials", "pods", "nodes")},
    "denied": _EVENTS,
    "denied_are_all": _FLAG,
}))
_WHEN: Final[Schema] = {"type": ["string", "null"], "format": "date-time"}
_NUMBER: Final[Schema] = {"type": ["integer", "null"], "minimum": 0, "description": "Null when it is not known."}
_LOSS: Final[dict[str, Schema]] = {
    "id": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    "cluster": {"type": "string", "description": "Empty for requests that named none that is listed."},
    "kind": {"type": "string", "description": "given-up, pause, restart, or the reason of a refusal."},
    "reason": {"type": "string"},
    "address": _TEXT,
    "time": _TIME,
    "until": _TIME,
    "events": _NUMBER,
    "requests": _NUMBER,
    "batches_at_least": _NUMBER,
    "named": _COUNT,
}
_SENDER: Final = _record({
    "address": _TEXT, "user_agent": _TEXT,
    "state": {"type": "string", "enum": ["heard", "silent", "gone", "refused", "never"]},
    "first_heard": _WHEN, "last_heard": _WHEN, "batches": _COUNT, "events": _COUNT,
    "usual_gap_seconds": {"type": ["number", "null"]}, "refused": _COUNT, "last_refused": _WHEN,
    "refused_reason": _TEXT,
})
_LOST: Final = [
    _parameter("days", "Of how many days.", {"type": "integer", "minimum": 1, "maximum": 92, "default": 7}),
    _parameter("cluster", "Of this cluster alone.", {"type": "string", "maxLength": 63}),
]
_LOSSES: Final = _json(_record({
    "clusters": {"type": "array", "items": _record({
        "cluster": {"type": "string"}, "senders_heard": _COUNT, "senders_expected": _NUMBER,
        "senders": {"type": "array", "items": _SENDER},
    })},
    "losses": {"type": "array", "items": _record(_LOSS)},
    "complete": {**_FLAG, "description": "Whether these are all losses of the time."},
}))
_ONE_LOSS: Final = [_parameter("id", "The loss's id.", {"type": "string", "pattern": "^[0-9a-f]{32}$"}, "path")]
_NAMED_LOSS: Final = _json(_record({
    **_LOSS,
    "named_events": {"type": "array", "items": _record({
        "time": _TIME,
        **{name: _TEXT for name in (
            "audit_id", "stage", "source_ip", "verb", "user", "groups", "impersonated_user", "user_agent", "namespace",
            "request_uri", "code",
        )},
    })},
}))
