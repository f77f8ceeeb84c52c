"""The schemas of what the JSON interface says of readers, of arriving events, and of permissions."""

from __future__ import annotations

from typing import Final

from audit_webhook.events.event import KINDS
from audit_webhook.explore.openapi_schemas import COUNT, FLAG, Q, TEXT, TIME, json, parameter, record
from audit_webhook.explore.permissions.usage import RANGES
from audit_webhook.storage.scope import ROLES

_NAMES: Final = {"type": ["array", "null"], "items": {"type": "string"}}
STATUS: Final = json(record({
    "version": {"type": "string"},
    "user": {"type": "string"},
    "role": {"type": "string", "enum": list(ROLES)},
    "clusters": {"type": "array", "items": {"type": "string"}},
    "limited_to_clusters": {**_NAMES, "description": "null: every cluster may be seen."},
    "limited_to_namespaces": {**_NAMES, "description": "null: every namespace may be seen."},
}))
AFTER: Final = [
    Q, parameter("after", "What the answer before gave as after; without it, nothing is given but that.", {
        "type": "string", "maxLength": 0,
    }),
]
NEWS: Final = json(record({
    "events": {"type": "array", "items": {"$ref": "#/components/schemas/Event"}},
    "more": {**COUNT, "description": "How many more arrived at once and are left out."},
    "after": {"type": "string"},
}))
SINCE: Final = parameter("since", "Of which time.", {"type": "string", "enum": list(RANGES)})
APART: Final = parameter("namespaces", "apart: a role for each namespace.", {"type": "string", "enum": ["apart"]})
BINDINGS: Final = json(record({
    "cluster": {"type": "string"}, "since": {"type": "string"},
    "bindings": {"type": "array", "items": record({
        "kind": {"type": "string"}, "name": {"type": "string"}, "is_name_cut": FLAG, "namespace": TEXT,
        "role_kind": TEXT, "role": TEXT, "gives_everything": FLAG,
        "uses": {"type": "array", "items": record({
            "user": {"type": "string"}, "as": TEXT, "through": TEXT, "kind": {"type": "string", "enum": ["", *KINDS]},
            "batches": COUNT, "last": TIME,
        })},
    })},
}))
NEEDS: Final = json(record({
    "cluster": {"type": "string"}, "user": {"type": "string"}, "since": {"type": "string"},
    "yaml": {"type": "string", "description": "Manifests for kubectl apply."},
    "requests": {**COUNT, "description": "Distinct requests that they allow."},
    "roles": COUNT,
    "is_whole": {**FLAG, "description": "False: time ran out before all was read."},
    "left_out": {"type": "array", "items": {"type": "string"}},
}))
CHECKPOINT: Final = record({"number": COUNT, "time": TIME, "contents": {"type": "string"}})
EVIDENCE: Final = json(record({
    "warnings": {"type": "array", "items": {"type": "string"}},
    "newest": {"anyOf": [{"type": "null"}, CHECKPOINT]},
    "checkpoints": {"type": "array", "items": CHECKPOINT},
    "key": {"type": "string", "description": "The public key in PEM; empty when there is none."},
}))
