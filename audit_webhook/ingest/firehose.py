"""Reads requests of Amazon Data Firehose, as its guide describes for HTTP endpoints, and writes its answers.

A request is a JSON object with an id, a time and records in base64, each of which CloudWatch Logs packs with gzip
(docs.aws.amazon.com/firehose/latest/dev/httpdeliveryrequestresponse.html). Firehose sends it again until the answer is
200 and repeats the id; after 413 it gives up.
"""

from __future__ import annotations

import base64
import binascii
import threading
from typing import Any, Final, NamedTuple

import orjson

from audit_webhook.errors import MalformedBatch
from audit_webhook.events.sources.encoded import GZIP_MAGIC, inflate

LONGEST_ID: Final = 128
MOST_BYTES: Final = 96 * 1024**2
"""Firehose buffers up to 64 MiB, which base64 makes a third longer."""
MOST_UNPACKED: Final = 256 * 1024**2
"""Bytes that the records of one request may hold together, unpacked."""
MOST_OF_A_RECORD: Final = 32 * 1024**2
NO_EVENTS: Final = b"[]"
MILLISECOND: Final = 1000
ROOM: Final = threading.BoundedSemaphore(1)
"""One request is taken at a time: decoded, it takes several times its bytes."""


class Records(NamedTuple):
    """The records of a request, still in base64, and the id that the answer repeats."""

    request_id: str
    records: list[Any]


def read_records(body: bytes) -> Records:
    """Return what a request holds; raises MalformedBatch when it is none of Firehose's."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedBatch("the body is not JSON") from error
    if not isinstance(document, dict) or not isinstance(document.get("records"), list):
        raise MalformedBatch("the body is not a request of Amazon Data Firehose: it has no list of records")
    return Records(tidy_id(document.get("requestId")), document["records"])


def tidy_id(written: object) -> str:
    """Return an id as the answer may repeat it; empty for what is none."""
    return written if isinstance(written, str) and len(written) <= LONGEST_ID and written.isprintable() else ""


def answer(request_id: str, now: int, problem: str = "") -> dict[str, Any]:
    """Return the document of an answer; ``now`` is in microseconds."""
    document: dict[str, Any] = {"requestId": request_id, "timestamp": now // MILLISECOND}
    return {**document, "errorMessage": problem} if problem else document


class RecordText:
    """What the records hold, one after the other with a line break between them, as a body that can be read.

    A record that cannot be decoded stays as it was sent, and goes into quarantine: it never costs another one.
    """

    def __init__(self, records: list[Any]) -> None:
        """Decode a record only when it is read; without any, the body is an empty list of events."""
        self._pieces = map(self._decode, records) if records else iter((NO_EVENTS,))
        self._held = b""
        self._left = MOST_UNPACKED

    def read(self, size: int) -> bytes:
        """Return so many bytes, or fewer at the end."""
        pieces, length = [self._held], len(self._held)
        while length < size and (piece := next(self._pieces, None)) is not None:
            pieces.append(piece)
            length += len(piece)
        text = b"".join(pieces)
        self._held = text[size:]
        return text[:size]

    def _decode(self, record: Any) -> bytes:
        packed = record.get("data") if isinstance(record, dict) else None
        if not isinstance(packed, str):
            return orjson.dumps(record) + b"\n"
        try:
            content = base64.b64decode(packed, validate=True)
        except (binascii.Error, ValueError):
            return packed.encode() + b"\n"
        return self._unpack(content, packed) + b"\n"

    def _unpack(self, content: bytes, packed: str) -> bytes:
        """Return what gzip holds; the record as it was sent when nothing of it can be read, or it is too large."""
        if not content.startswith(GZIP_MAGIC):
            return content
        text = inflate(content, min(self._left, MOST_OF_A_RECORD))
        if not text:
            return packed.encode()
        self._left -= len(text)
        return text
