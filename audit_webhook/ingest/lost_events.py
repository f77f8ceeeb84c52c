"""Reads the lines ``… AUDIT: id="…" …`` with which a kube-apiserver names events that it could not deliver.

The form is that of ``EventString`` in k8s.io/apiserver pkg/audit/format.go: a time, then pairs of a key and a value in
Go's quotes (``%q``), so that nothing within an event can end a value or a line.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final, NamedTuple

from audit_webhook.events.redaction.uri_masker import mask_uri, may_hold_token

LONGEST_VALUE: Final = 2048
_LINE: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)) AUDIT: ")
_ESCAPES: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_DIGITS: Final = {"x": 2, "u": 4, "U": 8}
_NOTHING: Final = frozenset({"", "<none>", "<self>", "<lookup>", "<deferred>", "<unknown>"})
_FIELDS: Final = {
    "id": "audit_id", "stage": "stage", "ip": "source_ip", "method": "verb", "user": "user", "groups": "groups",
    "as": "impersonated_user", "user-agent": "user_agent", "namespace": "namespace", "uri": "request_uri",
    "response": "code",
}


class LostEvent(NamedTuple):
    """An event that was lost, as far as its line tells; the time is that of the request, in microseconds."""

    time: int
    audit_id: str = ""
    stage: str = ""
    source_ip: str = ""
    verb: str = ""
    user: str = ""
    groups: str = ""
    impersonated_user: str = ""
    user_agent: str = ""
    namespace: str = ""
    request_uri: str = ""
    code: str = ""


def read_lost_event(line: str) -> LostEvent | None:
    """Return the event that a line names, with secrets in its URI masked; None when the line names none."""
    match = _LINE.match(line)
    time = read_time(match[1]) if match else None
    if match is None or time is None:
        return None
    values = {_FIELDS[key]: value for key, value in _read_pairs(line, match.end()) if key in _FIELDS}
    kept = {name: "" if value in _NOTHING else value for name, value in values.items()}
    uri = kept.get("request_uri", "")
    if may_hold_token(uri):
        kept["request_uri"] = mask_uri(uri)
    return LostEvent(time, **{name: value[:LONGEST_VALUE] for name, value in kept.items()})


def read_time(text: str) -> int | None:
    """Return the microseconds since the epoch of a time in RFC 3339, with up to nine digits of a second."""
    try:
        moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
        return max(0, round(moment.astimezone(UTC).timestamp() * 1_000_000))
    except (OverflowError, ValueError):
        return None


def _read_pairs(line: str, place: int) -> list[tuple[str, str]]:
    """Return keys and values in one pass over the line; what breaks off ends it."""
    pairs = []
    while (equals := line.find('="', place)) >= 0:
        key = line[place:equals].strip()
        value, place = _read_quoted(line, equals + 2)
        pairs.append((key, value))
    return pairs


def _read_quoted(line: str, place: int) -> tuple[str, int]:
    """Return the text of a value in Go's quotes, and the place behind its closing quote."""
    pieces = []
    while place < len(line) and line[place] != '"':
        if line[place] != "\\":
            end = _end_of_plain(line, place)
            pieces.append(line[place:end])
            place = end
            continue
        character, place = _read_escape(line, place + 1)
        pieces.append(character)
    return "".join(pieces), place + 1


def _end_of_plain(line: str, place: int) -> int:
    while place < len(line) and line[place] not in '"\\':
        place += 1
    return place


def _read_escape(line: str, place: int) -> tuple[str, int]:
    letter = line[place:place + 1]
    if digits := _DIGITS.get(letter):
        try:
            return chr(int(line[place + 1:place + 1 + digits], 16)), place + 1 + digits
        except (OverflowError, ValueError):
            return "\ufffd", place + 1
    return _ESCAPES.get(letter, letter), place + 1
