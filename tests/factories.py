"""Small makers of audit events and batches for tests: sensible defaults, every field can be given."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from audit_webhook.events.event import rfc3339

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
NOON_US = int(NOON.timestamp()) * 1_000_000
_numbers = itertools.count(1)


def audit_event(seconds: float = 0, **changes: Any) -> dict[str, Any]:
    """Give the JSON object of one event, ``seconds`` after noon of 23 November 2026."""
    moment = NOON_US + round(seconds * 1_000_000)
    number = next(_numbers)
    event: dict[str, Any] = {
        "level": "Metadata",
        "auditID": f"00000000-0000-4000-8000-{number:012d}",
        "stage": "ResponseComplete",
        "requestURI": "/api/v1/namespaces/shop/pods/web-0",
        "verb": "get",
        "user": {"username": "alice", "groups": ["dev-team", "system:authenticated"]},
        "sourceIPs": ["10.20.4.17"],
        "userAgent": "kubectl/v1.36.2 (linux/amd64) kubernetes/98b3519",
        "objectRef": {"resource": "pods", "namespace": "shop", "name": "web-0", "apiVersion": "v1"},
        "responseStatus": {"metadata": {}, "code": 200},
        "requestReceivedTimestamp": rfc3339(moment - 4_000),
        "stageTimestamp": rfc3339(moment),
        "annotations": {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": ""},
    }
    return event | changes


def encode(event: dict[str, Any]) -> bytes:
    """Write an event as the apiserver does: compact, in the order of its fields."""
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()


def event_list(items: Iterable[bytes | dict[str, Any]]) -> bytes:
    """Write the body of a POST."""
    raws = (item if isinstance(item, bytes) else encode(item) for item in items)
    return (
        b'{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[' + b",".join(raws) + b"]}\n"
    )
