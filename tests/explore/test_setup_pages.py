"""The setup pages over HTTP: files to download, the state of a connection, and the sample events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
import yaml
from flask import Flask
from flask.testing import FlaskClient

from audit_webhook.app import create_app
from audit_webhook.config import Config
from audit_webhook.context import context_of
from audit_webhook.explore.setup import files as setup
from tests.factories import audit_event, event_list
from tests.readers import form_token, logged_in

TOKEN = "correct-horse"
HERE = "/setup?cluster=prod&address=https://audit.example.com"


def make_app(folder: Path, **settings: str) -> Flask:
    given = {"environment": "development", "webhook_token": TOKEN, "db_path": str(folder / "audit.db"), **settings}
    return create_app(replace(Config(environment="development"), **given))


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    app = make_app(tmp_path)
    yield app.test_client()
    app.extensions["workers"].stop()
    context_of(app).repository.close()


@pytest.fixture
def in_production(tmp_path: Path) -> Iterator[FlaskClient]:
    app = make_app(tmp_path, environment="production", ui_users_file=str(tmp_path / "users"))
    yield logged_in(app)
    app.extensions["workers"].stop()
    context_of(app).repository.close()


def post(client: FlaskClient, token: str = TOKEN, cluster: str = "prod") -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return client.post(f"/webhook/audit/{cluster}", data=event_list([audit_event()]), headers=headers).status_code


def text_of(client: FlaskClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return unescape(answer.get_data(as_text=True))


@pytest.mark.parametrize("name", ["policy.yaml", "webhook.yaml", "kube-apiserver.yaml"])
def test_file_is_downloaded_as_it_is_shown(client: FlaskClient, name: str) -> None:
    answer = client.get(HERE.replace("/setup", f"/setup/{name}"))
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert answer.get_data(as_text=True).strip() in text_of(client, HERE)
    assert yaml.safe_load(answer.get_data(as_text=True))


@pytest.mark.parametrize("tier", ["metadata", "writes", "everything"])
def test_policy_is_the_one_of_the_chosen_tier(client: FlaskClient, tier: str) -> None:
    answer = client.get(f"/setup/policy.yaml?cluster=prod&tier={tier}")
    levels = {rule["level"] for rule in yaml.safe_load(answer.get_data(as_text=True))["rules"]}
    assert ("RequestResponse" in levels) == (tier != "metadata")


@pytest.mark.parametrize(
    "path",
    [
        "/setup?cluster=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
        "/setup?cluster=prod&address=https://x.example/%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E",
        "/setup?cluster=prod&tier=%3Cscript%3E&transport=%22%3E%3Cscript%3E",
    ],
)
def test_hostile_form_is_answered_with_its_mistakes_and_nothing_else(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 400
    page = answer.get_data(as_text=True)
    assert "<script>alert" not in page and "<img src=x" not in page
    assert "kind: Policy" not in page


@pytest.mark.parametrize(
    "path", ["/setup/webhook.yaml?cluster=a%0Ab", "/setup/status?cluster=a/b", "/setup/policy.yaml?tier=x"]
)
def test_files_and_state_are_refused_for_what_is_no_cluster(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 400


def test_unknown_file_is_not_found(client: FlaskClient) -> None:
    assert client.get("/setup/passwd?cluster=prod").status_code == 404


def test_hostile_host_header_writes_no_file(client: FlaskClient) -> None:
    answer = client.get("/setup/webhook.yaml?cluster=prod", environ_overrides={"HTTP_HOST": 'evil"\n.example'})
    assert answer.status_code == 403 and b"evil" not in answer.data


def test_token_is_in_the_file_in_development(client: FlaskClient) -> None:
    assert TOKEN in text_of(client, HERE)


def test_token_is_never_shown_in_production(in_production: FlaskClient) -> None:
    for path in (HERE, HERE.replace("https", "http"), HERE.replace("/setup", "/setup/webhook.yaml")):
        page = text_of(in_production, path)
        assert TOKEN not in page
        assert setup.TOKEN_PLACEHOLDER in page


def test_new_cluster_is_waited_for(client: FlaskClient) -> None:
    assert "Waiting for prod" in text_of(client, "/setup/status?cluster=prod")


def test_cluster_that_sends_is_heard(client: FlaskClient) -> None:
    assert post(client) == 200
    assert "prod is connected" in text_of(client, "/setup/status?cluster=prod")
    assert "prod is connected" in text_of(client, HERE)


def test_refused_cluster_is_told_with_the_reason_at_once(client: FlaskClient) -> None:
    assert post(client, token="wrong") == 401
    page = text_of(client, "/setup/status?cluster=prod")
    assert "prod was refused" in page
    assert "the token is not the one expected" in page
    assert "127.0.0.1" in page


def test_test_command_s_event_is_taken(client: FlaskClient) -> None:
    form = setup.read_form({"cluster": "prod", "address": "http://10.0.0.5:8080"}, "")
    command = setup.write_test_command(form, TOKEN, 1_800_000_000_000_000)
    body = command.split("--data ")[1].strip("'")
    answer = client.post("/webhook/audit/prod", data=body, headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.json is not None
    assert answer.json["stored"] == 1


OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}


def test_sample_events_are_loaded_by_a_button(client: FlaskClient) -> None:
    answer = client.post("/demo", headers=OWN_PAGE)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert {contact.cluster for contact in context_of(client.application).repository.contacts()} == {"prod", "staging"}


def test_sample_events_may_be_loaded_twice(client: FlaskClient) -> None:
    client.post("/demo", headers=OWN_PAGE)
    first = sum(contact.events for contact in context_of(client.application).repository.contacts())
    client.post("/demo", headers=OWN_PAGE)
    contacts = context_of(client.application).repository.contacts()
    assert sum(contact.events for contact in contacts) == 2 * first
    assert sum(contact.duplicates for contact in contacts) == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {},
    ],
)
def test_other_sites_cannot_load_sample_events(client: FlaskClient, headers: dict[str, str]) -> None:
    assert client.post("/demo", headers=headers).status_code == 403
    assert context_of(client.application).repository.contacts() == []


def test_browser_without_fetch_metadata_is_known_by_its_origin(client: FlaskClient) -> None:
    assert client.post("/demo", headers={"Origin": "http://localhost"}).status_code == 303


def test_there_are_no_sample_events_in_production(in_production: FlaskClient) -> None:
    form = {"form_token": form_token(in_production)}
    assert in_production.post("/demo", headers=OWN_PAGE, data=form).status_code == 404
