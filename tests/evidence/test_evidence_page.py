"""The page of evidence, and the proof that is downloaded from an event's page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from audit_webhook.app import create_app
from audit_webhook.config import Config
from audit_webhook.context import context_of
from audit_webhook.evidence.proof import check_proof
from audit_webhook.evidence.signer import open_signer
from audit_webhook.storage.keys import parse_keys, read_keys
from tests.factories import audit_event, event_list
from tests.sealed_store import MINUTE


@pytest.fixture
def signing_app(engine: Config, tmp_path: Path) -> Iterator[Flask]:
    """An application that signs, on each engine, with one event."""
    app = create_app(replace(engine, evidence_key_file=str(tmp_path / "evidence.key")))
    app.test_client().post("/webhook/audit/prod", data=event_list([audit_event(), audit_event(1)]))
    yield app
    app.extensions["workers"].stop()
    context_of(app).repository.close()


def sign(app: Flask) -> None:
    parts = context_of(app)
    assert open_signer(parts.config, parts.repository, parts.clock).sign_when_due()


def page(app: Flask) -> str:
    answer = app.test_client().get("/evidence")
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def test_page_says_whether_anything_is_signed(signing_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "No checkpoint was signed yet" in page(signing_app)
    sign(signing_app)
    shown = page(signing_app)
    assert "checkpoint 1" in shown and "1 writer advanced" in shown and "on the log alone" in shown
    parts = context_of(signing_app)
    late = replace(parts, clock=lambda: parts.clock() + 90 * MINUTE)
    monkeypatch.setitem(signing_app.extensions, "audit_webhook", late)
    assert "No checkpoint was signed for some time" in page(signing_app)
    unsigned = replace(parts, config=replace(parts.config, evidence_key_file=""))
    monkeypatch.setitem(signing_app.extensions, "audit_webhook", unsigned)
    assert "Nothing is signed" in page(signing_app)


def test_page_shows_the_public_key_and_never_the_private_one(signing_app: Flask) -> None:
    sign(signing_app)
    shown = page(signing_app)
    block = shown[shown.index("-----BEGIN PUBLIC KEY-----"):].partition("</pre>")[0]
    own = read_keys(Path(context_of(signing_app).config.evidence_key_file))
    assert parse_keys(block.encode()).trusted.keys() == own.trusted.keys()
    assert "PRIVATE" not in shown


def test_page_says_that_a_checkpoint_was_changed(signing_app: Flask) -> None:
    sign(signing_app)
    with context_of(signing_app).repository.database.write() as cursor:
        cursor.execute("UPDATE checkpoints SET body = 'broken'")
    assert "Checkpoint 1 cannot be read" in page(signing_app)


def test_proof_of_an_event_is_downloaded_from_its_page(signing_app: Flask) -> None:
    client = signing_app.test_client()
    event = client.get("/api/v1/events").get_json()["events"][0]["id"]
    address = f"/events/{event}/proof"
    assert address in client.get(f"/events/{event}").get_data(as_text=True)
    early = client.get(address)
    assert early.status_code == 404 and "no checkpoint covers this event yet" in early.get_data(as_text=True)
    sign(signing_app)
    answer = client.get(address)
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{event}.proof.json"'
    assert check_proof(answer.get_json(), read_keys(Path(context_of(signing_app).config.evidence_key_file)))
    assert client.get(f"/events/{'0' * 26}/proof").status_code == 404
