"""The schemas and parameters of the JSON interface, for its description in OpenAPI."""

from __future__ import annotations

from typing import Final, get_args

from audit_webhook.events.event import KINDS
from audit_webhook.history.life import Deed
from audit_webhook.search.histogram.aggregate import BY as WAYS

Schema = dict[str, object]

TEXT: Final[Schema] = {"type": ["string", "null"]}
ULID: Final = "[0-7][0-9A-HJKMNP-TV-Z]{25}"
ID: Final[Schema] = {"type": "string", "pattern": f"^{ULID}$"}
TIME: Final[Schema] = {"type": "string", "format": "date-time"}
TEXTS: Final = (
    "level", "stage", "verb", "user", "effective_user", "session", "impersonated_user", "source_ip", "user_agent",
    "namespace", "group", "resource", "subresource", "name", "decision", "reason", "request_uri", "audit_id",
)
EVENT: Final[dict[str, Schema]] = {
    "id": ID,
    "cluster": {"type": "string"},
    "time": TIME,
    "time_recorded": {"type": "boolean", "description": "False: the event says no time; it is filed by its receipt."},
    "received": TIME,
    "code": {"type": ["integer", "null"], "minimum": 1, "maximum": 999},
    "user_groups": {"type": "array", "items": {"type": "string"}},
    "claimed_ips": {
        "type": "array", "items": {"type": "string"},
        "description": "Addresses that a header claimed, before the one that the apiserver saw.",
    },
    "summary": {"type": "string"},
    "kubectl": {"type": ["object", "null"]},
    **{name: TEXT for name in TEXTS},
}
COMMAND: Final[dict[str, Schema]] = {
    "command": {**TEXT, "description": "One line for a POSIX shell; null when kubectl has no form for it."},
    "confidence": {"type": ["string", "null"], "enum": ["exact", "likely", "equivalent", None]},
    "summary": {"type": "string"},
    "evidence": {"type": "array", "items": {"type": "string"}},
    "unknown": {"type": "array", "items": {"type": "string"}},
    "stdin": {**TEXT, "description": "What it read from standard input, as far as it was recorded."},
    "cluster": {"type": "string"},
    "user": TEXT,
    "effective_user": TEXT,
    "time": TIME,
    "events": {"type": "array", "items": ID, "minItems": 1},
}
MISTAKE: Final[dict[str, Schema]] = {
    "error": {"type": "string"},
    "message": {"type": "string"},
    "status": {"type": "integer"},
    "position": {"type": "integer", "description": "where in q the mistake is, in characters"},
    "length": {"type": "integer"},
    "expected": {"type": "array", "items": {"type": "string"}},
}


def record(properties: dict[str, Schema], *required: str) -> Schema:
    """Return the schema of an object with these properties; without names, all of them are required."""
    return {"type": "object", "properties": properties, "required": list(required or properties)}


def json(schema: Schema) -> dict[str, object]:
    """Return the content of an answer in JSON."""
    return {"application/json": {"schema": schema}}


def parameter(name: str, meaning: str, schema: Schema, place: str = "query") -> Schema:
    """Return a parameter of an operation."""
    return {"name": name, "in": place, "required": place == "path", "description": meaning, "schema": schema}


Q: Final = parameter("q", "A query; without one, everything matches.", {"type": "string", "maxLength": 4096})
LIST: Final = [
    Q,
    parameter("limit", "How many events at most.", {"type": "integer", "minimum": 1, "maximum": 500, "default": 50}),
    parameter("cursor", "What the page before gave as next.", ID),
]
FOLD: Final = [
    *LIST[:1],
    parameter(
        "limit", "How many events at most are folded into commands.",
        {"type": "integer", "minimum": 1, "maximum": 500, "default": 50},
    ),
    parameter(
        "cursor", "What the page before gave as next.",
        {"type": "string", "pattern": f"^{ULID}(\\.{ULID}){{0,200}}$"},
    ),
]
ONE: Final = [parameter("id", "The event's id.", ID, "path")]
EXPORT: Final = [
    Q,
    parameter("format", "How events are written.", {"type": "string", "enum": ["ndjson", "csv"], "default": "ndjson"}),
]
SHORTFALL: Final[Schema] = {"type": "string", "description": "Only there when matches may be left out: why."}
PAGE: Final = json(record({
    "events": {"type": "array", "items": {"$ref": "#/components/schemas/Event"}},
    "next": {
        "type": ["string", "null"],
        "description": "The cursor of the next page; null at the end. A page may be short although more is to come.",
    },
    "shortfall": SHORTFALL,
}, "events", "next"))
COMMANDS: Final = json(record({
    "commands": {"type": "array", "items": {"$ref": "#/components/schemas/Command"}},
    "next": {
        "type": ["string", "null"],
        "description": "The cursor of the next page, which leaves out what this one has folded; null at the end.",
    },
    "shortfall": SHORTFALL,
}, "commands", "next"))
WITH_RAW: Final = json({"allOf": [
    {"$ref": "#/components/schemas/Event"}, record({"raw": {"type": "string", "description": "The JSON as stored."}}),
]})
FILES: Final[dict[str, object]] = {
    "application/x-ndjson": {"schema": {"type": "string", "description": "An Event in JSON on each line."}},
    "text/csv": {"schema": {"type": "string"}},
}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
COUNTED: Final[dict[str, Schema]] = {
    "exact": {"type": "boolean", "description": "Whether all was counted; if not, each number is a least one."},
    "total": COUNT,
}
BY: Final = [
    Q,
    parameter("by", "What the series are.", {"type": "string", "enum": list(WAYS), "default": "outcome"}),
]
HISTOGRAM: Final = json(record({
    **COUNTED,
    "start": {**TIME, "description": "When the first bar begins."},
    "step": {"type": "number", "description": "How many seconds wide each bar is."},
    "series": {"type": "object", "additionalProperties": {"type": "array", "items": COUNT}},
}))
VALUE: Final = record({"value": {"type": "string"}, "events": COUNT})
FACETS: Final = json(record({
    **COUNTED,
    "facets": {"type": "object", "additionalProperties": {"type": "array", "items": VALUE, "maxItems": 100}},
}))
PART: Final[Schema] = {"type": "string", "pattern": "^[a-z0-9][a-z0-9.-]{0,62}$"}
CLUSTER: Final = parameter("cluster", "The cluster's name.", PART, "path")
WORD: Final[Schema] = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9:@._-]{0,252}$"}
NAME: Final = parameter("name", "The name, escaped for a path.", WORD, "path")
PLACE: Final = [
    CLUSTER,
    parameter("group", "The API group; core for the core.", PART, "path"),
    parameter("resource", "The resource, in the plural.", PART, "path"),
    parameter(
        "namespace", "The namespace; - for an object outside of namespaces.",
        {"type": "string", "pattern": "^(-|[a-z0-9][a-z0-9-]{0,62})$"}, "path",
    ),
    NAME,
    parameter("before", "What the part before gave as older.", ID),
]
FLAG: Final[Schema] = {"type": "boolean"}
LINES: Final[Schema] = {
    "type": ["array", "null"], "items": {"type": "string", "pattern": "^[ +-]"},
    "description": "Lines of YAML after a sign: added, removed, or leading there; null where it is not known.",
}
CHANGE: Final = record({
    "event": {"$ref": "#/components/schemas/Event"},
    "deed": {"type": "string", "enum": list(get_args(Deed))},
    "note": TEXT,
    "gap": {**COUNT, "description": "How many requests before this one may have part in the difference."},
    "is_partial": FLAG,
    "is_rebuilt": {**FLAG, "description": "Whether the state was worked out from the request."},
    "diff": LINES,
    "status_diff": LINES,
    "left_out": {**COUNT, "description": "How many lines there was no room for."},
    "unrecorded": {"oneOf": [{"type": "null"}, record({
        "since": {"type": ["string", "null"], "format": "date-time"},
        "until": TIME,
        "at_least": {**COUNT, "description": "How many requests there were at least."},
        "is_certain": {**FLAG, "description": "False: the server may have made the change within the request."},
        "diff": LINES,
    })], "description": "What changed before this request by requests that are not recorded."},
})
LINE: Final = record({
    "text": {"type": "string"},
    "event": {"type": ["string", "null"], "description": "The event that set the line; null: before all recorded."},
    "or_before": {**FLAG, "description": "Whether an earlier request without content may have set it."},
    "is_unrecorded": {**FLAG, "description": "Set before the event, by requests that are not recorded."},
})
LIFE: Final = json(record({
    **{name: {"type": "string"} for name in ("cluster", "group", "resource", "namespace", "name")},
    "exists": {"type": ["boolean", "null"], "description": "Null when it is not known."},
    "changes": {"type": "array", "items": CHANGE},
    "older": {"type": ["string", "null"], "description": "For before: there is an earlier part."},
    "manifest": {"type": "array", "items": LINE},
    "manifest_left_out": COUNT,
    "manifest_is_partial": FLAG,
    "manifest_gap": {**COUNT, "description": "How many later requests were recorded without content."},
}))
DAY: Final[Schema] = {"type": "string", "format": "date", "description": "The day (UTC) of the last receipt."}
DATED: Final[Schema] = {"type": "array", "items": record({"value": {"type": "string"}, "last_day": DAY})}
VALUES: Final[Schema] = {"type": "array", "items": VALUE}
KIND: Final[Schema] = {"type": "string", "enum": list(KINDS)}
ACTORS: Final = json(record({
    "cluster": {"type": "string"},
    "actors": {"type": "array", "items": record({"name": {"type": "string"}, "kind": KIND, "last_day": DAY})},
}))
DEEDS: Final[Schema] = {"type": "array", "items": record({
    **{name: TEXT for name in ("verb", "group", "resource", "subresource")}, "events": COUNT,
})}
EVENTS: Final[Schema] = {"type": "array", "items": {"$ref": "#/components/schemas/Event"}}
ACTOR: Final = json(record({
    "cluster": {"type": "string"},
    "name": {"type": "string"},
    "kind": KIND,
    "groups": {"type": "array", "items": {"type": "string"}},
    "first": {"type": ["string", "null"], "format": "date-time"},
    "last": {"type": ["string", "null"], "format": "date-time"},
    "active": {"type": "array", "items": TIME, "description": "Starts of the ten-minute windows of the last weeks."},
    **{name: DATED for name in ("addresses", "programs", "acted_as", "impersonated_by")},
    "events_read": {**COUNT, "description": "How many of the newest events were read for what follows."},
    "events_read_are_all": FLAG,
    "deeds": DEEDS,
    **{name: VALUES for name in ("credentials", "pods", "nodes")},
    "denied": EVENTS,
    "denied_are_all": FLAG,
}))
WHEN: Final[Schema] = {"type": ["string", "null"], "format": "date-time"}
NUMBER: Final[Schema] = {"type": ["integer", "null"], "minimum": 0, "description": "Null when it is not known."}
LOSS: Final[dict[str, Schema]] = {
    "id": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    "cluster": {"type": "string", "description": "Empty for requests that named none that is listed."},
    "kind": {"type": "string", "description": "given-up, pause, restart, or the reason of a refusal."},
    "reason": {"type": "string"},
    "address": TEXT,
    "time": TIME,
    "until": TIME,
    "events": NUMBER,
    "requests": NUMBER,
    "batches_at_least": NUMBER,
    "named": COUNT,
}
SENDER: Final = record({
    "address": TEXT, "user_agent": TEXT,
    "state": {"type": "string", "enum": ["heard", "silent", "gone", "refused", "never"]},
    "first_heard": WHEN, "last_heard": WHEN, "batches": COUNT, "events": COUNT,
    "usual_gap_seconds": {"type": ["number", "null"]}, "refused": COUNT, "last_refused": WHEN,
    "refused_reason": TEXT,
})
LOST: Final = [
    parameter("days", "Of how many days.", {"type": "integer", "minimum": 1, "maximum": 92, "default": 7}),
    parameter("cluster", "Of this cluster alone.", {"type": "string", "maxLength": 63}),
]
LOSSES: Final = json(record({
    "clusters": {"type": "array", "items": record({
        "cluster": {"type": "string"}, "senders_heard": COUNT, "senders_expected": NUMBER,
        "senders": {"type": "array", "items": SENDER},
    })},
    "losses": {"type": "array", "items": record(LOSS)},
    "complete": {**FLAG, "description": "Whether these are all losses of the time."},
}))
ONE_LOSS: Final = [parameter("id", "The loss's id.", {"type": "string", "pattern": "^[0-9a-f]{32}$"}, "path")]
NAMED_LOSS: Final = json(record({
    **LOSS,
    "named_events": {"type": "array", "items": record({
        "time": TIME,
        **{name: TEXT for name in (
            "audit_id", "stage", "source_ip", "verb", "user", "groups", "impersonated_user", "user_agent", "namespace",
            "request_uri", "code",
        )},
    })},
}))
