"""Where collectors and clouds keep the lines and events that they pass on: members of JSON objects, by their shape."""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import Any, Final

LISTS: Final = ("records", "Records", "events", "logEvents", "value", "values", "results", "hits", "items", "entries")
"""Members that hold a list of further objects or lines."""
HOLDERS: Final = (
    "log", "message", "MESSAGE", "line", "_raw", "@message", "textPayload", "log_processed", "_source", "result",
    "event", "original", "properties", "data", "jsonPayload", "structured", "kubernetes_audit", "audit",
)
"""Members that hold one line or one object."""
LARGEST_UNPACKED: Final = 64 * 1024**2
MOST_TIMES_UNPACKED: Final = 30
"""So many times its own length a packed text may be: work stays linear in what was sent."""
UNKNOWN_FORM: Final = "JSON wrapper"
_FORMS: Final = (
    ("items", "EventList"),
    ("logEvents", "CloudWatch subscription"), ("logStreamName", "CloudWatch export"),
    ("@message", "CloudWatch Insights"),
    ("properties", "Azure diagnostic log"), ("records", "Azure diagnostic log"), ("MESSAGE", "journald"),
    ("_raw", "Splunk export"), ("_source", "Elasticsearch export"), ("stream", "container runtime (Docker)"),
    ("line", "Loki"), ("log", "Fluent Bit"), ("textPayload", "Google Cloud LogEntry"),
)


def inner_values(document: dict[str, Any], may_unpack: bool = True) -> list[Any]:
    """Return what an object holds: the items of its lists, or the one line or object that it wraps.

    What was unpacked once must not be unpacked again: ``may_unpack`` is then false.
    """
    if isinstance(packed := document.get("awslogs"), dict) and isinstance(packed.get("data"), str):
        return [_unpack(packed["data"])] if may_unpack else []
    found: list[Any] = []
    for name in LISTS:
        value = document.get(name)
        if isinstance(value, list):
            found += map(_of_row, value)
        elif name == "hits" and isinstance(value, dict):
            found.append(value)
    if found:
        return found
    return [document[name] for name in HOLDERS if isinstance(document.get(name), str | dict | list)][:1]


def form_of(document: dict[str, Any]) -> str:
    """Return the name of a wrapping, by a member that only it has."""
    return next((form for name, form in _FORMS if name in document), UNKNOWN_FORM)


def _of_row(value: Any) -> Any:
    """Return the line of a row: Loki has pairs of a time and a line, Insights lists of fields."""
    if isinstance(value, list) and len(value) == 2 and all(isinstance(each, str) for each in value):
        return value[1]
    if isinstance(value, list) and value and all(isinstance(each, dict) and "field" in each for each in value):
        return {str(each["field"]): each.get("value") for each in value}
    return value


def _unpack(text: str) -> bytes:
    """Return what a Lambda gets: gzip in base64; empty when it is damaged or too large."""
    try:
        unpacker = zlib.decompressobj(wbits=31)
        most = min(LARGEST_UNPACKED, MOST_TIMES_UNPACKED * len(text)) or 1
        content = unpacker.decompress(base64.b64decode(text, validate=True), most)
    except (binascii.Error, zlib.error, ValueError):
        return b""
    return b"" if unpacker.unconsumed_tail else content
