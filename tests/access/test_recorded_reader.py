"""An assistant is recorded as that of whom its token names; nothing that a request says puts another name there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest
from flask import Flask

from audit_webhook.access.recorded_reader import ASSISTANT, LOCAL_ACCOUNT, PROGRAM_HEADER
from audit_webhook.context import context_of
from audit_webhook.storage.access_store import AccessStore
from audit_webhook.storage.scope import EVERYWHERE, Reader
from tests.readers import logged_in

NEWEST: Final = b"\xff" * 16


@pytest.fixture
def app(make_production: Callable[..., Flask]) -> Flask:
    """An application in production, on each engine."""
    return make_production()


def read(app: Flask, name: str, **headers: str) -> tuple[str, str]:
    """Read with the token of a user, and return name and way of what was recorded."""
    logged_in(app, name, "viewer")
    parts = context_of(app)
    token = parts.readers.issue_token(Reader(name, "viewer", EVERYWHERE, "session"), "laptop", 30, parts.clock())
    answer = app.test_client().get("/api/v1/status", headers={"Authorization": f"Bearer {token}", **headers})
    assert answer.status_code == 200
    newest = AccessStore(parts.repository.database).readings(NEWEST, 1)[0]
    return newest.username, newest.way


def test_assistant_is_recorded_under_the_name_of_its_token(app: Flask) -> None:
    assert read(app, "alice", **{PROGRAM_HEADER: ASSISTANT}) == ("alice", "assistant")
    page = logged_in(app, "root").get("/readers").get_data(as_text=True)
    assert "assistant for</span>" in page and ">alice</a>" in page


@pytest.mark.parametrize("said", ["assistant for bob", "bob", "Assistant\tbob", ""])
def test_no_other_text_in_the_header_is_recorded(app: Flask, said: str) -> None:
    assert read(app, "alice", **{PROGRAM_HEADER: said}) == ("alice", "token")


@pytest.mark.parametrize("header", [LOCAL_ACCOUNT, "audit-webhook.local-account", "X-Audit-Webhook-Local-Account"])
def test_no_header_names_an_account(app: Flask, header: str) -> None:
    assert read(app, "alice", **{header: "bob"}) == ("alice", "token")


def test_page_that_a_person_reads_is_never_an_assistant_s(app: Flask) -> None:
    client = logged_in(app, "carol", "viewer")
    assert client.get("/api/v1/status", headers={PROGRAM_HEADER: ASSISTANT}).status_code == 200
    assert AccessStore(context_of(app).repository.database).readings(NEWEST, 1)[0].way == "session"
