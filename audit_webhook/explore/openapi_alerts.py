"""The schemas of what the JSON interface says of alerts, rules and sinks."""

from __future__ import annotations

from typing import Final

from audit_webhook.explore.openapi_schemas import COUNT, FLAG, ID, TEXT, TIME, WHEN, Schema, json, parameter, record

SEVERITY: Final[Schema] = {"type": "string", "enum": ["info", "low", "medium", "high", "critical"]}
STATE: Final[Schema] = {"type": "string", "enum": ["open", "acknowledged", "closed"]}
_KEY: Final[Schema] = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
_NAMES: Final[Schema] = {"type": "array", "items": {"type": "string"}}
_NAME: Final[Schema] = {"type": "string", "maxLength": 512}
_ALERT: Final[dict[str, Schema]] = {
    "id": _KEY, "rule": {"type": "string"}, "title": {"type": "string"}, "severity": SEVERITY, "state": STATE,
    "reason": TEXT, "assignee": TEXT, "cluster": {"type": "string"}, "namespace": TEXT, "actor": TEXT, "object": TEXT,
    "client": TEXT, "first": TIME, "last": TIME, "found": TIME, "hits": COUNT,
    "denied": {**COUNT, "description": "Hits that were denied."},
    "late": {**COUNT, "description": "Hits of events that came more than 15 minutes after they happened."},
    "last_event": ID, "attack": {**_NAMES, "description": "Techniques of MITRE ATT&CK."},
}
LIST: Final = [
    parameter("days", "Of how many days.", {"type": "integer", "minimum": 1, "maximum": 3650, "default": 30}),
    parameter("limit", "How many at most.", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}),
    parameter("state", "In this state; active: not closed.", {
        "type": "string", "enum": ["open", "acknowledged", "closed", "active"],
    }),
    parameter("severity", "Of this severity or a higher one.", SEVERITY),
    parameter("rule", "Of this rule.", _NAME), parameter("cluster", "Of this cluster.", _NAME),
    parameter("actor", "By this actor.", _NAME),
]
ALERTS: Final = json(record({"alerts": {"type": "array", "items": record(_ALERT)}}))
ONE: Final = [parameter("id", "The alert's id.", _KEY, "path")]
ALERT: Final = json(record({
    **_ALERT,
    "events": {"type": "array", "items": record({"id": ID, "time": TIME})},
    "notes": {"type": "array", "items": record({
        "time": TIME, "author": {"type": "string"}, "action": {"type": "string"}, "note": TEXT,
    })},
}))
RULES: Final = json(record({
    "rules": {"type": "array", "items": record({
        "id": {"type": "string"}, "title": {"type": "string"}, "severity": SEVERITY, "query": {"type": "string"},
        "enabled": FLAG, "attack": _NAMES, "why": {"type": "string"}, "next": {"type": "string"}, "quiet": _NAMES,
        "source": {"type": "string"}, "alerts": {**COUNT, "description": "Alerts of the last 30 days."}, "hits": COUNT,
        "open": COUNT, "last": WHEN,
    })},
    "trouble": {**TEXT, "description": "What is wrong with the files of RULES_DIR."},
}))
COVERAGE: Final = json(record({"clusters": {"type": "array", "items": record({
    "cluster": {"type": "string"}, "can": COUNT, "cannot": COUNT, "not_known": COUNT,
    "rules": {"type": "array", "items": record({
        "id": {"type": "string"}, "verdict": {"type": "string", "enum": ["can", "cannot", "not_known"]}, "reason": TEXT,
    })},
})}}))
SINKS: Final = json(record({
    "sinks": {"type": "array", "items": record({
        "name": {"type": "string"}, "kind": TEXT, "where": {**TEXT, "description": "The host alone."},
        "state": {"type": "string"}, "severity": {"anyOf": [SEVERITY, {"type": "null"}]}, "clusters": _NAMES,
        "query": TEXT, "send_resolved": FLAG, "waiting": COUNT, "oldest_waiting": WHEN, "dead": COUNT, "sent": COUNT,
        "failed": COUNT, "last_success": WHEN, "last_failure": WHEN, "last_error": TEXT,
    })},
    "dead": {"type": "array", "description": "The newest messages that failed for good.", "items": record({
        "id": _KEY, "sink": {"type": "string"}, "kind": {"type": "string"}, "severity": SEVERITY, "hits": COUNT,
        "alerts": _NAMES, "made": TIME, "tries": COUNT, "error": TEXT,
    })},
    "trouble": {**TEXT, "description": "What is wrong with SINKS_FILE."},
}))
