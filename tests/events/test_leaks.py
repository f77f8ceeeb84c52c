"""Secrets in URIs, keyed marks, and that none of it reaches the store, the pages, the exports or the log."""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote_plus, urlencode

import pytest
from flask import Flask

from audit_webhook.app import create_app
from audit_webhook.config import Config
from audit_webhook.context import context_of
from audit_webhook.events.redaction.pseudonyms import make_mark
from audit_webhook.events.redaction.redact import redact
from audit_webhook.events.redaction.settings import make_redaction
from audit_webhook.events.redaction.uri_masker import mask_uri, may_hold_token
from audit_webhook.ingest.read_events import identify
from audit_webhook.storage.chunks.uri_column import expand
from tests.factories import audit_event, encode, event_list

MARKER: Final = "hunter2hunter2"
KEY: Final = "k" * 32
EXEC: Final = "/api/v1/namespaces/shop/pods/web-0/exec?"
COMMANDS: Final = (
    ["mysql", "-uroot", f"-p{MARKER}", "shop"], ["sh", "-c", f"mysqldump -uroot -p{MARKER} shop > /tmp/x"],
    ["psql", f"postgres://shop:{MARKER}@db/shop"], ["env", f"PGPASSWORD={MARKER}", "psql"],
    ["sh", "-c", f"export DB_PASSWORD='{MARKER}'; run"], ["app", "--password", MARKER], ["app", f"--api-key={MARKER}"],
    ["curl", "-H", f"Authorization: Bearer {MARKER}", "http://x"], ["curl", "-u", f"bob:{MARKER}", "http://x"],
    ["sh", "-c", f"curl -su bob:x --user bob:{MARKER} http://x"], ["redis-cli", "-a", MARKER],
    ["sh", "-c", f"redis-cli -h db -a {MARKER} ping"], ["sh", "-c", f"echo '{{\"token\": \"{MARKER}\"}}' | post"],
    ["sshpass", "-p", MARKER, "ssh", "x"], ["vault", "login", f"token={MARKER}"], ["app", "--client-secret", MARKER],
)
PLAIN: Final = (
    ["ls", "-l", "/tmp"], ["sh"], ["mkdir", "-p", "/a/b"], ["kill", "-9", "1"], ["cat", "/etc/passwd"],
    ["ssh", "-p", "2222", "host"], ["grep", "token", "/var/log/x"], ["sh", "-c", "echo $HOME && a=1; b"],
    ["-", "&", "="],
)


def exec_uri(command: list[str]) -> str:
    return EXEC + urlencode([("command", word) for word in command] + [("container", "web"), ("stdin", "true")])


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_secret_in_a_command_is_masked_and_the_rest_is_still_read(command: list[str]) -> None:
    uri = exec_uri(command)
    masked = mask_uri(uri)
    assert may_hold_token(uri) and MARKER not in unquote_plus(masked) and "***" in masked
    assert masked.startswith(f"{EXEC}command={command[0]}&") and masked.endswith("&container=web&stdin=true")
    assert mask_uri(masked) == masked


@pytest.mark.parametrize("command", PLAIN, ids=" ".join)
def test_command_without_a_secret_stays_as_it_was(command: list[str]) -> None:
    assert mask_uri(exec_uri(command)) == exec_uri(command)


@pytest.mark.parametrize(
    "name", ["token", "access_token", "id_token", "X-Amz-Signature", "apiKey", "client_secret", "password", "PASSWORD"]
)
def test_token_among_the_parameters_is_masked(name: str) -> None:
    assert mask_uri(f"/x?a=1&{name}={MARKER}&b=2") == f"/x?a=1&{name}=***&b=2"


@pytest.mark.parametrize(
    "uri", ["/x", "/api?continue=abc&limit=500&timeout=30s", "/x?watch=true&resourceVersion=1", "/x?token=", "/x?token"]
)
def test_ordinary_uri_stays_as_it_was(uri: str) -> None:
    assert mask_uri(uri) == uri


@pytest.mark.parametrize("unit", ["command=--password ", "a://b:", "mysql -", "command=token%3D", "passwords", "%"])
def test_masking_a_megabyte_of_anything_is_quick(unit: str) -> None:
    uri = "/x?command=" + unit * (1_000_000 // len(unit))
    began = time.monotonic()
    mask_uri(uri)
    assert time.monotonic() - began < 5


def test_only_the_masked_value_of_a_uri_changes_in_the_bytes() -> None:
    event = audit_event(requestURI=f"/x?a=é&token={MARKER}&b=<2>")
    raw = encode(event).replace(b"&", rb"\u0026").replace(b"<", rb"\u003c").replace(b">", rb"\u003e")
    assert redact(raw, "pods", "", event["requestURI"]) == raw.replace(MARKER.encode(), b"***")


def secret_event(**bodies: Any) -> bytes:
    reference = {"resource": "secrets", "namespace": "shop", "name": "db", "apiVersion": "v1"}
    return encode(audit_event(verb="create", auditID="one", objectRef=reference, **bodies))


def test_equal_secrets_have_equal_marks_and_the_id_does_not_depend_on_the_key() -> None:
    encoded = base64.b64encode(MARKER.encode()).decode()
    raw = secret_event(
        requestObject={"kind": "Secret", "stringData": {"a": MARKER, "b": "another-one"}},
        responseObject={"kind": "Secret", "data": {"a": encoded, "b": base64.b64encode(b"another-one").decode()}},
    )
    plain, one, other = (identify("prod", raw, make_redaction(key)) for key in ("", KEY, "x" * 32))
    assert plain.id == one.id == other.id
    assert b'"a":"***"' in plain.raw and MARKER.encode() not in one.raw and encoded.encode() not in one.raw
    sent, answered = (json.loads(one.raw)[name] for name in ("requestObject", "responseObject"))
    assert sent["stringData"] == answered["data"] and len(set(answered["data"].values())) == 2
    assert json.loads(other.raw)["responseObject"]["data"]["a"] != answered["data"]["a"]
    assert make_mark("") is None


def test_token_that_is_an_object_s_name_is_masked_everywhere() -> None:
    reference = {"resource": "oauthaccesstokens", "apiGroup": "oauth.openshift.io", "name": MARKER}
    raw = encode(audit_event(
        verb="get", objectRef=reference, requestURI=f"/apis/oauth.openshift.io/v1/oauthaccesstokens/{MARKER}?pretty=1",
        responseObject={"metadata": {"name": MARKER}},
        responseStatus={"code": 404, "message": f'"{MARKER}" not found', "details": {"name": MARKER}},
    ))
    kept = identify("prod", raw)
    assert MARKER.encode() not in kept.raw and kept.name == "***" and kept.action[5] == 404
    uri = expand(kept.uri, reference["apiGroup"], kept.namespace, reference["resource"], kept.name)
    assert uri == "/apis/oauth.openshift.io/v1/oauthaccesstokens/***?pretty=1"


@pytest.fixture
def marked(engine: Config, tmp_path: Path) -> Iterator[Flask]:
    """An application with a key for marks."""
    app = create_app(replace(engine, secret_key=KEY, ui_users_file=str(tmp_path / "users")))
    yield app
    app.extensions["workers"].stop()
    context_of(app).repository.close()


def test_no_secret_is_found_in_the_store_pages_exports_or_log(
    marked: Flask, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    encoded = base64.b64encode(MARKER.encode()).decode()
    secret = {"kind": "Secret", "metadata": {"name": "db"}, "data": {"password": encoded}, "stringData": {"p": MARKER}}
    token = {"resource": "serviceaccounts", "subresource": "token", "name": "x", "namespace": "shop"}
    events = [
        secret_event(requestObject=secret, responseObject=secret, level="RequestResponse"),
        *(encode(audit_event(verb="create", requestURI=exec_uri(command), objectRef={
            "resource": "pods", "subresource": "exec", "name": "web-0", "namespace": "shop",
        })) for command in COMMANDS),
        encode(audit_event(verb="create", objectRef=token, responseObject={"status": {"token": MARKER}})),
        b'{"stringData":"' + MARKER.encode() + b'",,}', b'"password=' + MARKER.encode() + b'"',
    ]
    client = marked.test_client()
    with caplog.at_level(logging.DEBUG):
        assert client.post("/webhook/audit/prod", data=event_list(events)).status_code == 200
        page = client.get("/").get_data(as_text=True)
        found = [event["id"] for event in client.get("/api/v1/events?limit=500").get_json()["events"]]
        paths = [f"/events/{each}" for each in found] + [f"/events/{each}/raw" for each in found]
        paths += ["/api/v1/export", "/api/v1/commands?limit=500", "/?q=body:password", "/?q=&show=events"]
        texts = [client.get(path).get_data(as_text=True) for path in paths]
    assert len(found) >= len(COMMANDS) + 2
    kept = b"".join(item.content for item in context_of(marked).repository.quarantine.read_items())
    for marker in (MARKER, encoded):
        assert not [text for text in (page, *texts, caplog.text, kept.decode()) if marker in text]
        assert not [path for path in tmp_path.rglob("*") if path.is_file() and marker.encode() in path.read_bytes()]
