"""Translates rows of the tables AKSAudit and AKSAuditAdmin of Azure Monitor into audit events.

The tables have the members of an event as columns in PascalCase, some as text of JSON, and no impersonated user
(learn.microsoft.com, azure-monitor/reference/tables/aksaudit).
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from audit_webhook.events.sources.google_cloud import SOURCE
from audit_webhook.events.sources.rewritten import restore

FORM: Final = "AKSAudit table"
_COLUMNS: Final = {
    "Level": "level", "AuditId": "auditID", "Stage": "stage", "RequestUri": "requestURI", "Verb": "verb",
    "User": "user",
    "SourceIps": "sourceIPs", "UserAgent": "userAgent", "ObjectRef": "objectRef", "ResponseStatus": "responseStatus",
    "RequestObject": "requestObject", "ResponseObject": "responseObject",
    "RequestReceivedTime": "requestReceivedTimestamp", "StageReceivedTime": "stageTimestamp",
    "Annotations": "annotations",
}


def is_row(document: dict[str, Any]) -> bool:
    """Return whether an object is a row of one of the tables."""
    return all(isinstance(document.get(name), str) for name in ("AuditId", "Verb", "RequestUri", "Level"))


def translate(document: dict[str, Any]) -> bytes:
    """Return the event of a row."""
    event = {new: _value(document[old]) for old, new in _COLUMNS.items() if document.get(old) not in (None, "")}
    notes = event.get("annotations")
    return restore({**event, "annotations": {**(notes if isinstance(notes, dict) else {}), SOURCE: "aks-table"}})


def _value(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value
