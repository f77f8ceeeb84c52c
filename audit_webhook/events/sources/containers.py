"""Where collectors and clouds keep the lines and events that they pass on: members of JSON objects, by their shape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

LISTS: Final = (
    "records", "Records", "events", "logEvents", "value", "values", "results", "hits", "items", "entries", "streams",
    "tables", "resourceLogs", "scopeLogs", "logRecords", "rows",
)
"""Members that hold a list of further objects or lines."""
HOLDERS: Final = (
    "log", "message", "MESSAGE", "line", "_raw", "@message", "textPayload", "log_processed", "_source", "result",
    "event", "original", "properties", "data", "jsonPayload", "structured", "kubernetes_audit", "audit", "json",
    "log_s", "short_message", "full_message", "body", "stringValue", "attributes", "kinesis", "awslogs",
)
"""Members that hold one line or one object."""
UNKNOWN_FORM: Final = "JSON wrapper"
_FORMS: Final = (
    ("items", "EventList"),
    ("logEvents", "CloudWatch subscription"), ("logStreamName", "CloudWatch export"),
    ("@message", "CloudWatch Insights"), ("awslogs", "CloudWatch subscription"), ("kinesis", "Kinesis records"),
    ("log_s", "AzureDiagnostics table"), ("tables", "Azure Monitor query"),
    ("properties", "Azure diagnostic log"), ("records", "Azure diagnostic log"), ("MESSAGE", "journald"),
    ("_raw", "Splunk export"), ("_source", "Elasticsearch export"), ("sourcetype", "Splunk HTTP Event Collector"),
    ("@metadata", "Filebeat"), ("resourceLogs", "OTLP"), ("short_message", "GELF"),
    ("stream", "container runtime (Docker)"), ("streams", "Loki"), ("line", "Loki"), ("log", "Fluent Bit"),
    ("textPayload", "Google Cloud LogEntry"), ("jsonPayload", "Google Cloud LogEntry"), ("source_type", "Vector"),
)
_RANKS: Final = {name: rank for rank, name in enumerate((*LISTS, *HOLDERS))}
_STRUCTURED: Final = ("user", "objectRef", "sourceIPs", "responseStatus", "annotations")


def candidates(document: dict[str, Any], is_named: bool = False) -> Iterator[list[Any]]:
    """Yield what an object may hold: the items of its lists, then each member that holds a line or an object.

    The members that are known to hold lines come first, then all others: what has another name is still found by what
    it holds. Of an object that ``is_named``, such as a request that Rancher logged, only the known ones are looked at.
    """
    if rows := _rows_of_table(document):
        yield rows
        return
    names = sorted(document, key=_rank)
    listed = [name for name in names if name in LISTS and isinstance(document[name], list)]
    if listed:
        yield [_of_row(each) for name in listed for each in document[name]]
    for name in names:
        is_searched = name in _RANKS or not is_named
        if is_searched and name not in listed and isinstance(document[name], str | dict | list):
            yield [document[name]]


def is_known_holder(document: dict[str, Any]) -> bool:
    """Return whether an object has a member that is known to hold lines or events."""
    return not _RANKS.keys().isdisjoint(document)


def form_of(document: dict[str, Any]) -> str:
    """Return the name of a wrapping, by a member that only it has."""
    return next((form for name, form in _FORMS if name in document), UNKNOWN_FORM)


def with_decoded_members(document: dict[str, Any], decode: Any) -> dict[str, Any]:
    """Return an event whose members are all texts, as Alibaba's log service keeps them, with these decoded."""
    if not any(isinstance(document.get(name), str) for name in _STRUCTURED):
        return document
    return {
        name: decode(value) if isinstance(value, str) and value[:1] in ("{", "[") else value
        for name, value in document.items()
    }


def _rank(name: str) -> int:
    return _RANKS.get(name, len(_RANKS))


def _rows_of_table(document: dict[str, Any]) -> list[Any]:
    """Return the rows of a table as objects, as Azure Monitor answers a query."""
    columns, rows = document.get("columns"), document.get("rows")
    if not isinstance(columns, list) or not isinstance(rows, list):
        return []
    names = [str(each.get("name")) if isinstance(each, dict) else str(each) for each in columns]
    return [dict(zip(names, row, strict=False)) if isinstance(row, list) else row for row in rows]


def _of_row(value: Any) -> Any:
    """Return the line of a row: Loki has a time and a line, perhaps with labels; Insights has lists of fields."""
    if not isinstance(value, list):
        return value
    if len(value) in (2, 3) and all(isinstance(each, str) for each in value[:2]):
        return value[1]
    if value and all(isinstance(each, dict) and "field" in each for each in value):
        return {str(each["field"]): each.get("value") for each in value}
    return value
