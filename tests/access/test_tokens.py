"""The webhook's token, as a kube-apiserver and others send it, on both engines."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from audit_webhook.app import create_app
from audit_webhook.config import Config
from audit_webhook.context import context_of
from tests.factories import audit_event, event_list
from tests.ingest.test_ingest import close, everything, post

TOKEN = "correct-horse"


@pytest.fixture
def guarded(engine: Config) -> Iterator[FlaskClient]:
    """A client of an application that wants a token."""
    app = create_app(replace(engine, webhook_token=TOKEN))
    yield app.test_client()
    close(app)


def basic(password: bytes) -> str:
    return "Basic " + base64.b64encode(b"audit:" + password).decode()


@pytest.mark.parametrize("header", [f"Bearer {TOKEN}", f"bearer {TOKEN}", f"Bearer  {TOKEN} ", basic(TOKEN.encode())])
def test_right_token_is_taken_as_bearer_and_as_basic_password(guarded: FlaskClient, header: str) -> None:
    assert post(guarded, event_list([audit_event()]), Authorization=header)[0] == 200


@pytest.mark.parametrize(
    "header",
    [
        "", "Bearer", "Bearer ", "Bearer wrong", f"Bearer {TOKEN}x", TOKEN, f"Token {TOKEN}", "Basic !!!",
        basic(b"wrong"), basic(b""), "Bearer \xff\xfe", "Bearer " + "x" * 20_000, f"Bearer {TOKEN}, Bearer {TOKEN}",
        "Basic " + base64.b64encode(TOKEN.encode()).decode(),
    ],
)
def test_wrong_token_is_answered_with_401_as_json_and_stores_nothing(guarded: FlaskClient, header: str) -> None:
    headers = {"Authorization": header} if header else {}
    answer = guarded.post("/webhook/audit/prod", data=event_list([audit_event()]), headers=headers)
    assert (answer.status_code, answer.headers["WWW-Authenticate"], answer.is_json) == (401, "Bearer", True)
    assert everything(context_of(guarded.application).repository) == []


def test_refused_request_is_remembered_with_its_reason(guarded: FlaskClient) -> None:
    post(guarded, b"", Authorization="Bearer wrong")
    context_of(guarded.application).refusals.flush()
    (refusal,) = context_of(guarded.application).repository.refusals.last_refusals("prod")
    assert (refusal.reason, refusal.peer) == ("the token is not the one expected", "127.0.0.1")
