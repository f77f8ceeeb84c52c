"""Every shape in which a request carries a secret, sent to the running server: it is nowhere in what is kept."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any, Final

import pytest
import zstandard

from audit_webhook.context import context_of
from audit_webhook.storage.database import Database
from tests.conftest import Server
from tests.events.test_leaks import MARKER as TYPED
from tests.events.test_leaks import COMMANDS, exec_uri
from tests.events.test_redact import APPLIED, HOLDERS, MARKER, PLAIN, SECRET, SECRET_BODIES, event_with
from tests.factories import audit_event, encode, event_list
from tests.serving import get, post

MARKERS: Final = (MARKER.encode(), PLAIN.encode(), TYPED.encode())
TOKENS: Final[tuple[tuple[str, str, str, Any], ...]] = (
    ("serviceaccounts", "token", "responseObject", {"kind": "TokenRequest", "status": {"token": PLAIN}}),
    ("tokenreviews", "", "requestObject", {"kind": "TokenReview", "spec": {"token": PLAIN}}),
    ("tokenreviews", "", "responseObject", {"kind": "TokenReview", "spec": {"token": PLAIN}, "status": {}}),
)


def events() -> list[bytes]:
    """Give an event of every shape: create, each kind of patch, lists, copies, tokens, arguments, broken pieces."""
    bodies = [event_with(member, body, "secrets") for member, body in SECRET_BODIES.values()]
    holders = [event_with(member, body, "widgets") for member, body in HOLDERS.values()]
    tokens = [event_with(member, body, resource, sub) for resource, sub, member, body in TOKENS]
    applied = {"metadata": {"annotations": {APPLIED: json.dumps(SECRET)}}}
    copies = [event_with("requestObject", applied, resource) for resource in ("secrets", "widgets")]
    reference = {"resource": "pods", "subresource": "exec", "name": "web-0", "namespace": "shop"}
    execs = [encode(audit_event(requestURI=exec_uri(command), objectRef=reference)) for command in COMMANDS]
    review = {"kind": "AdmissionReview", "request": {"object": SECRET, "oldObject": SECRET}}
    broken = [
        b'{"stringData":"%b",,}' % PLAIN.encode(), b'{"data":{"a":"%b",,}}' % MARKER.encode(), encode(SECRET),
        encode(review), encode(audit_event(unknown=SECRET)),
    ]
    return [*bodies, *holders, *tokens, *copies, *execs, *broken]


def kept(database: Database, folder: Path) -> bytes:
    """Give all that is kept: every value of every table, what is compressed also as it was, and every file."""
    listing = "SELECT name FROM sqlite_master WHERE type = 'table'" if database.dialect == "sqlite" else "SHOW TABLES"
    found: list[bytes] = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    with database.read() as cursor:
        cursor.execute(listing)
        for (name,) in list(cursor.fetchall()):
            table = name.decode() if isinstance(name, bytes) else name
            cursor.execute(f"SELECT * FROM {table}")
            for value in (value for row in cursor.fetchall() for value in row if isinstance(value, bytes | str)):
                raw = value.encode() if isinstance(value, str) else value
                found += [raw, *unpacked(raw)]
    return b"\n".join(found)


def unpacked(raw: bytes) -> list[bytes]:
    """Give what is in the zstd frames of some bytes."""
    starts = [place for place in range(len(raw)) if raw.startswith(zstandard.FRAME_HEADER, place)]
    return [zstandard.ZstdDecompressor().decompressobj().decompress(raw[start:]) for start in starts]


def test_secret_is_nowhere_in_the_database_files_pages_exports_or_log(
    served: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sent = events()
    with caplog.at_level(logging.DEBUG):
        answer = post(served.url, event_list(sent))
        receipt = json.loads(answer.body)
        assert (answer.status, receipt["stored"] + receipt["quarantined"]) == (200, len(sent))
        found = json.loads(get(f"{served.url}/api/v1/events?limit=500").body)["events"]
        paths = [f"/events/{event['id']}{form}" for event in found for form in ("", "/raw")]
        paths += [
            "/", "/?q=&show=events", "/api/v1/export", "/api/v1/export?format=csv", "/api/v1/commands?limit=500",
            "/objects/prod/core/secrets/shop/db", "/objects/prod/core/widgets/shop/db", "/actors/prod/alice",
            "/api/v1/objects/prod/core/secrets/shop/db", "/metrics", "/clusters/prod", "/readers",
        ]
        shown = b"\n".join(get(served.url + path).body for path in paths)
    store = kept(context_of(served.app).repository.database, tmp_path)
    for marker in MARKERS:
        assert marker not in shown and marker not in store and marker.decode() not in caplog.text
    assert len(found) == len(sent) - 4 and b"***" in shown and b'"password"' in store
