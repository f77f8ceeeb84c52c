"""Finds the audit events in one line or one JSON document, whatever they are wrapped in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import orjson

from audit_webhook.events import lenient_json
from audit_webhook.events.json_scanner import BrokenJSON, value_end
from audit_webhook.events.sources import azure_tables, google_cloud
from audit_webhook.events.sources.containers import (
    UNKNOWN_FORM, candidates, form_of, is_known_holder, with_decoded_members,
)
from audit_webhook.events.sources.damaged import pieces_of, split_documents, text_of, text_of_cell
from audit_webhook.events.sources.encoded import Unpacker, bytes_in, bytes_of, is_packed
from audit_webhook.events.sources.joining import depth_of, join
from audit_webhook.events.sources.not_audit import name_line, name_object
from audit_webhook.events.sources.rewritten import has_other_members, is_event, is_in_order, restore
from audit_webhook.events.sources.text_prefixes import UNKNOWN_PREFIX, find_prefixes
from audit_webhook.events.sources.truncated import SKIPPED as SKIPPED_BODY
from audit_webhook.events.sources.truncated import has_skipped_body, mark, salvage
from audit_webhook.events.sources.unwrapped import DEEPEST, LARGEST, PLAIN, Event, Found, Other, Unreadable

BOM: Final = b"\xef\xbb\xbf"
RECORD_SEPARATOR: Final = b"\x1e"
OWN_STARTS: Final = (b'{"kind":"Event","apiVersion":"audit.k8s.io/', b'{"level":"')
"""How a kube-apiserver begins an event in its log, and in a batch; what begins so keeps its bytes."""
_TIME_AT_END: Final = re.compile(rb'"stageTimestamp":"[0-9T:.+Z-]{1,40}"\}\Z')
LONGEST_TIME_AT_END: Final = 64
NOTES: Final = b'"annotations":{'
LONGEST_GAP: Final = 256
_GAP: Final = b" \t\r\n,"
HEAD_OF_EVENT: Final = 200
SKIPPED: Final = SKIPPED_BODY.encode()
_UNNAMED: Final = (PLAIN, UNKNOWN_FORM, UNKNOWN_PREFIX)
_MARKS: Final = (b"auditID", b"AuditId", b"protoPayload", b"H4sI", b"eyJ", b"eyAi", b"W3s", b"ewo", b":[123,34,")
"""Whatever holds an event, has one of these: the name of a member, or how packed JSON begins."""
DAMAGED: Final = "the JSON is damaged or ends too early"
PACKED: Final = "what is packed in it is damaged or too large"
_NO_FORM: Final = "it is no JSON and no form of a log that is known"


def unwrap_text(text: bytes, unwrapper: Unwrapper | None = None) -> Iterator[Found]:
    """Yield what is found in a text of several lines."""
    unwrapper = unwrapper or Unwrapper()
    lines = ((number, line.strip()) for number, line in enumerate(text.split(b"\n"), 1))
    for _, raw in join((number, line) for number, line in lines if line):
        yield from unwrapper.unwrap(raw)


def unwrap(raw: bytes) -> Iterator[Found]:
    """Yield what is found in the bytes of a line or a document."""
    return Unwrapper().unwrap(raw)


def may_hold_events(text: bytes) -> bool:
    """Return whether a text shows a sign of events, without looking closer."""
    return any(sign in text for sign in _MARKS)


def count_events(text: bytes) -> int:
    """Return how many events are found in a text of several lines."""
    return sum(isinstance(each, Event) for each in unwrap_text(text)) if may_hold_events(text) else 0


def is_own_form(text: bytes) -> bool:
    """Return whether bytes begin and end as an event that a kube-apiserver wrote.

    An event ends with its annotations or with the time of its stage: what a collector adds at the end is seen so. What
    is damaged within is found by who decodes it.
    """
    is_begun = text.startswith(OWN_STARTS) and b'"auditID":"' in text[:HEAD_OF_EVENT]
    if not is_begun or b'}{"' in text or SKIPPED in text:
        return False
    if text.endswith(b'"}}'):
        return b'},"' not in text[text.rfind(NOTES):]
    return _TIME_AT_END.search(text[-LONGEST_TIME_AT_END:]) is not None


class Unwrapper:
    """Unwraps one text, or several of one body, within one bound of what may be unpacked."""

    def __init__(self) -> None:
        """Nothing is unpacked yet."""
        self._unpacker = Unpacker()

    def unwrap(self, raw: bytes, form: str = PLAIN, depth: int = 0) -> Iterator[Found]:
        """Yield what is found in the bytes of a line or a document.

        An event that is there verbatim keeps its bytes, so that its id is that of the webhook.
        """
        text = raw.removeprefix(BOM).lstrip(RECORD_SEPARATOR).strip()
        if not text:
            return
        if depth == 0:
            self._unpacker.allow(len(text))
        if len(text) > LARGEST or depth > DEEPEST:
            yield Unreadable("too large" if len(text) > LARGEST else "wrapped too deeply", text)
        elif is_own_form(text):
            yield Event(text, form)
        elif text[:1] == b"{":
            yield from self._read_json(text, form, depth)
        elif text[:1] in (b"[", b'"'):
            yield from self._read_json_or_prefix(text, form, depth)
        else:
            yield from self._read_line(text, form, depth)

    def _read_line(self, text: bytes, form: str, depth: int) -> Iterator[Found]:
        """Read a line that something stands before."""
        left: list[Found] = []
        for prefix in find_prefixes(text):
            own = prefix.form if form in _UNNAMED else form
            found = list(self.unwrap(text[prefix.length:], own, depth + 1))
            if any(isinstance(each, Event) for each in found):
                yield from found
                return
            left = left or found
        packed = text.decode("latin-1") if not left else ""
        if is_packed(packed) and (content := self._unpacker.unpack(packed)):
            yield from self.unwrap(content, form, depth + 1)
        elif what := name_line(text):
            yield Other(what)
        else:
            yield from left or [Unreadable(_NO_FORM, text)]

    def _read_json_or_prefix(self, text: bytes, form: str, depth: int) -> Iterator[Found]:
        """Read a list or a string of JSON, a cell of CSV, or a line with a prefix in brackets or quotes."""
        if text.startswith(b'"{""'):
            yield from self.unwrap(text_of_cell(text), form, depth + 1)
        elif text.startswith(b"[") and text[1:].lstrip()[:1] not in (b"{", b"[", b'"', b"]") and not bytes_in(text):
            yield from self._read_line(text, form, depth)
        else:
            yield from self._read_json(text, form, depth)

    def _read_json(self, text: bytes, form: str, depth: int) -> Iterator[Found]:
        try:
            document = orjson.loads(text)
        except orjson.JSONDecodeError:
            yield from self._read_lenient(text, form, depth)
            return
        yield from self._read(document, text, form, depth)

    def _read_lenient(self, text: bytes, form: str, depth: int) -> Iterator[Found]:
        """Read what only a strict parser refuses: control characters, bytes that are not UTF-8, NaN."""
        try:
            document = lenient_json.loads(text)
        except lenient_json.Undecodable:
            yield from self._read_several(text, form, depth)
            return
        if isinstance(document, dict) and is_event(document):
            yield Event(text, form)  # who decodes it is as lenient
        else:
            yield from self._read(document, None, form, depth)

    def _read_several(self, text: bytes, form: str, depth: int) -> Iterator[Found]:
        """Read documents that follow each other without a line break; each may be damaged or cut off."""
        documents = split_documents(text) if text.startswith(b"{") else [text]
        if len(documents) > 1:
            for document in documents:
                yield from self.unwrap(document, form, depth + 1)
            return
        position = 0
        while position < len(text):
            try:
                end = value_end(text, position, len(text))
            except BrokenJSON:
                end = len(text)
            if end == len(text) and not position or end == position:
                break
            yield from self.unwrap(text[position:end], form, depth + 1)
            position = end + len(text[end:end + LONGEST_GAP]) - len(text[end:end + LONGEST_GAP].lstrip(_GAP))
        if position < len(text):
            yield from self._read_damaged(text[position:], form, depth)

    def _read_damaged(self, text: bytes, form: str, depth: int) -> Iterator[Found]:
        """Read what no parser takes: it is broken, or was never closed and has taken others for its own."""
        if (cut := text_of(text) if text.startswith(b'"{\\"') else None) is not None:
            yield from self.unwrap(cut, form, depth + 1)
        elif depth == 0 and any(map(_is_whole_event, (lines := text.split(b"\n"))[1:])):
            for line in lines:
                yield from self.unwrap(line.strip().rstrip(b","), form, depth + 1)
        elif (saved := salvage(text) if text.startswith(b"{") else None) is not None:
            yield Event(saved, form, is_cut=True, is_own=False, cut_off=text)
        elif pieces := pieces_of(text, _MARKS) if text[:1] in (b"{", b"[") and may_hold_events(text) else []:
            for piece in pieces:
                yield from self.unwrap(piece, form, depth + 2)  # each level may be read to the end of the text again
        else:
            yield Unreadable(DAMAGED, text)

    def _read(self, value: Any, text: bytes | None, form: str, depth: int) -> Iterator[Found]:
        """Read a decoded value; ``text`` is its bytes where it was not taken out of another document."""
        if depth > DEEPEST:
            yield Unreadable("wrapped too deeply")
        elif isinstance(value, list):
            if (content := bytes_of(value)) is not None:
                yield from self.unwrap(content, form, depth + 1)
            else:
                for each in value:
                    yield from self._read(each, None, form, depth + 1)
        elif isinstance(value, str):
            yield from self._read_string(value, form, depth)
        elif isinstance(value, dict):
            yield from self._read_object(value, text, form, depth)
        else:
            yield Unreadable("an item that is not an object", orjson.dumps(value))

    def _read_string(self, value: str, form: str, depth: int) -> Iterator[Found]:
        if is_packed(value):
            content = self._unpacker.unpack(value)
            if content is None:
                yield Unreadable(PACKED, value.encode())
            else:
                yield from self.unwrap(content, form, depth + 1)
        else:
            yield from self.unwrap(value.encode("utf-8", "surrogatepass"), form, depth + 1)

    def _read_object(self, document: dict[str, Any], text: bytes | None, form: str, depth: int) -> Iterator[Found]:
        if is_event(document):
            decoded = with_decoded_members(document, _decoded)
            yield self._as_event(decoded, text if decoded is document else None, form)
        elif google_cloud.is_entry(document):
            translated = google_cloud.translate(document)
            other = Other("a log entry of another service")
            yield Event(translated, google_cloud.FORM, is_own=False) if translated else other
        elif azure_tables.is_row(document):
            yield Event(azure_tables.translate(document), azure_tables.FORM, is_own=False)
        else:
            yield from self._read_wrapper(document, text, form, depth)

    def _as_event(self, document: dict[str, Any], text: bytes | None, form: str) -> Found:
        if has_skipped_body(document):
            return Event(mark(document), form, is_cut=True, is_own=False)
        is_own = text is not None and text.startswith(OWN_STARTS) and is_in_order(document)
        if text is not None and is_own and not has_other_members(document):
            return Event(text, form)
        try:
            return Event(restore(document, text), form, is_own=False)
        except lenient_json.Undecodable as error:
            return Unreadable(str(error))

    def _read_wrapper(self, document: dict[str, Any], text: bytes | None, form: str, depth: int) -> Iterator[Found]:
        what = name_object(document)
        own = form_of(document) if form in _UNNAMED else form
        left: list[Found] = []
        is_searched = text is None or may_hold_events(text) or is_known_holder(document)
        if is_searched and not what.startswith(("an object of", "a control")):
            for values in candidates(document, is_named=bool(what)):
                found = [each for value in values for each in self._read(value, None, own, depth + 1)]
                if any(isinstance(each, Event) for each in found):
                    yield from found
                    return
                left = left or [each for each in found if _says_why(each)]
        if what:
            yield Other(what)
        else:
            yield from left or [Unreadable("an object that holds no audit event", text or orjson.dumps(document))]


def _is_whole_event(line: bytes) -> bool:
    return line.startswith(b"{") and b"auditID" in line and depth_of(line) == 0


def _says_why(found: Found) -> bool:
    """Return whether something says more than that no event was found."""
    return isinstance(found, Other) or (isinstance(found, Unreadable) and found.reason == PACKED)


def _decoded(value: str) -> Any:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value
