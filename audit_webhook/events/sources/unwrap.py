"""Finds the audit events in one line or one JSON document, whatever they are wrapped in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import orjson

from audit_webhook.events.json_scanner import BrokenJSON, after_blank, value_end
from audit_webhook.events.sources import azure_tables, google_cloud
from audit_webhook.events.sources.containers import UNKNOWN_FORM, form_of, inner_values
from audit_webhook.events.sources.joining import join
from audit_webhook.events.sources.not_audit import name_line, name_object
from audit_webhook.events.sources.rewritten import has_other_members, is_event, restore
from audit_webhook.events.sources.text_prefixes import find_prefix
from audit_webhook.events.sources.truncated import SKIPPED as SKIPPED_BODY
from audit_webhook.events.sources.truncated import has_skipped_body, mark, salvage
from audit_webhook.events.sources.unwrapped import DEEPEST, LARGEST, PLAIN, Event, Found, Other, Unreadable

BOM: Final = b"\xef\xbb\xbf"
OWN_STARTS: Final = (b'{"kind":"Event","apiVersion":"audit.k8s.io/', b'{"level":"')
"""How a kube-apiserver begins an event in its log, and in a batch; what begins so keeps its bytes."""
OWN_ENDS: Final = (b'Z"}', b'"}}')
"""An event ends with its annotations, or with the time of its stage; what a collector adds at the end is seen so."""
HEAD_BYTES: Final = 200
UNPACKED_DEPTH: Final = 2
"""What was unpacked lies this deep or deeper."""
SKIPPED: Final = SKIPPED_BODY.encode()


def unwrap_text(text: bytes) -> Iterator[Found]:
    """Yield what is found in a text of several lines."""
    lines = ((number, line.strip()) for number, line in enumerate(text.split(b"\n"), 1))
    for _, raw in join((number, line) for number, line in lines if line):
        yield from unwrap(raw)


def unwrap(raw: bytes, form: str = PLAIN, depth: int = 0) -> Iterator[Found]:
    """Yield what is found in the bytes of a line or a document.

    An event that is there verbatim keeps its bytes, so that its id is that of the webhook.
    """
    text = raw.removeprefix(BOM).strip()
    if not text:
        return
    if len(text) > LARGEST or depth > DEEPEST:
        yield Unreadable("too large" if len(text) > LARGEST else "wrapped too deeply")
    elif is_own_form(text):
        yield Event(text, form)
    elif text[:1] != b"{" and (prefix := find_prefix(text)) is not None:
        yield from unwrap(text[prefix.length:], prefix.form if form == PLAIN else form, depth + 1)
    elif text[:1] in (b"{", b"["):
        yield from _read_json(text, form, depth)
    elif what := name_line(text):
        yield Other(what)
    else:
        yield Unreadable("it is no JSON and no form of a log that is known")


def is_own_form(text: bytes) -> bool:
    """Return whether bytes begin and end as an event that a kube-apiserver wrote.

    What is damaged within is found by who decodes it.
    """
    is_begun = text.startswith(OWN_STARTS) and b'"auditID":"' in text[:HEAD_BYTES] and text.endswith(OWN_ENDS)
    if not is_begun or b'"}{"' in text or SKIPPED in text:
        return False
    return text.endswith(OWN_ENDS[0]) or b'},"' not in text[text.rfind(b'"annotations":{'):]


def _read_json(text: bytes, form: str, depth: int) -> Iterator[Found]:
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        yield from _read_several(text, form, depth)
        return
    yield from _read(document, text, form, depth)


def _read_several(text: bytes, form: str, depth: int) -> Iterator[Found]:
    """Read documents that follow each other without a line break; the last one may be cut off."""
    start = 0
    while start < len(text):
        try:
            end = value_end(text, start, len(text))
        except BrokenJSON:
            yield _cut(text[start:], form)
            return
        if start == 0 and end == len(text):
            yield _lenient(text, form)
            return
        yield from unwrap(text[start:end], form, depth + 1)
        start = after_blank(text, end, len(text))


def _lenient(text: bytes, form: str) -> Found:
    """Return a document that only a strict parser refuses; who decodes it later is more lenient."""
    return Event(text, form) if b'"auditID"' in text[:65536] else Unreadable("the JSON is damaged")


def _cut(text: bytes, form: str) -> Found:
    saved = salvage(text)
    return Event(saved, form, is_cut=True) if saved is not None else Unreadable("the JSON ends too early")


def _read(value: Any, text: bytes | None, form: str, depth: int) -> Iterator[Found]:
    """Read a decoded value; ``text`` is its bytes where it was not taken out of another document."""
    if depth > DEEPEST:
        yield Unreadable("wrapped too deeply")
    elif isinstance(value, list):
        for each in value:
            yield from _read(each, None, form, depth + 1)
    elif isinstance(value, str | bytes):
        raw = value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
        yield from unwrap(raw, form, depth + 1)
    elif isinstance(value, dict):
        yield from _read_object(value, text, form, depth)
    else:
        yield Unreadable("an item that is not an object")


def _read_object(document: dict[str, Any], text: bytes | None, form: str, depth: int) -> Iterator[Found]:
    if is_event(document):
        yield _as_event(document, text, form)
    elif google_cloud.is_entry(document):
        translated = google_cloud.translate(document)
        yield Event(translated, google_cloud.FORM) if translated else Other("a log entry of another service")
    elif azure_tables.is_row(document):
        yield Event(azure_tables.translate(document), azure_tables.FORM)
    else:
        yield from _read_wrapper(document, form, depth)


def _as_event(document: dict[str, Any], text: bytes | None, form: str) -> Event:
    if has_skipped_body(document):
        return Event(mark(document), form, is_cut=True)
    if text is not None and text.startswith(OWN_STARTS) and not has_other_members(document):
        return Event(text, form)
    return Event(restore(document), form)


def _read_wrapper(document: dict[str, Any], form: str, depth: int) -> Iterator[Found]:
    what = name_object(document)
    inner = [] if what.startswith(("an object of", "a control")) else inner_values(document, depth < UNPACKED_DEPTH)
    own = form_of(document) if form in (PLAIN, UNKNOWN_FORM) else form
    found = [each for value in inner for each in _read(value, None, own, depth + 1)]
    if any(isinstance(each, Event) for each in found) or not what and found:
        yield from found
    else:
        yield Other(what) if what else Unreadable("an object that holds no audit event")
