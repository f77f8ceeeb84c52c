"""The JSON interface does what its OpenAPI document says, and exports are whole, streamed and safe to open."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import positive_data_acceptance

from audit_webhook.app import create_app
from audit_webhook.context import context_of
from audit_webhook.events.event import Event
from audit_webhook.explore.openapi import describe
from audit_webhook.explore.openapi_schemas import COMMAND, EVENT
from audit_webhook.search import export
from audit_webhook.search.document import COLUMNS, document_of
from audit_webhook.search.export import Export, write_csv
from tests.conftest import development
from tests.factories import NOON_US, audit_event, event_list
from tests.search.test_cards import scaled


def post(client: FlaskClient, count: int, **changes: object) -> None:
    batch = event_list(audit_event(number, **changes) for number in range(count))
    assert client.post("/webhook/audit/prod", data=batch).status_code == 200


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """An application with some events, for the questions that schemathesis makes up."""
    app = create_app(development(DB_PATH=str(tmp_path_factory.mktemp("api") / "audit.db")))
    post(app.test_client(), 30)
    yield app
    app.extensions["workers"].stop()
    context_of(app).repository.close()


@pytest.mark.parametrize("path", sorted(describe()["paths"]))
def test_server_answers_as_its_document_says(described: Flask, path: str) -> None:
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", described)

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), phases=(Phase.generate,))
    @given(schema[path]["GET"].as_strategy())
    def ask(case: Any) -> None:
        # OpenAPI cannot tell which texts are queries; a mistake in one is a 400.
        case.call_and_validate(excluded_checks=[positive_data_acceptance])

    ask()


def test_known_event_is_answered_as_the_document_says(described: Flask) -> None:
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", described)
    events = described.test_client().get("/api/v1/events?limit=2").get_json()["events"]
    for path, given_values in (("/events/{id}", {"path_parameters": {"id": events[0]["id"]}}),
                               ("/events", {"query": {"q": "user:alice", "limit": 1}})):
        schema[path]["GET"].Case(**given_values).call_and_validate()


def test_commands_are_answered_as_the_document_says(described: Flask) -> None:
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", described)
    schema["/commands"]["GET"].Case(query={"limit": 5}).call_and_validate()
    answer = described.test_client().get("/api/v1/commands?limit=5").get_json()
    assert tuple(answer["commands"][0]) == tuple(COMMAND)
    following = described.test_client().get(f"/api/v1/commands?limit=5&cursor={answer['next']}").get_json()
    shown = [event for command in (*answer["commands"], *following["commands"]) for event in command["events"]]
    assert len(shown) == len(set(shown)) >= 10


def test_command_names_all_of_its_events(client: FlaskClient) -> None:
    assert client.post("/webhook/audit/prod", data=event_list(scaled(0))).status_code == 200
    (command,) = client.get("/api/v1/commands").get_json()["commands"]
    events = client.get("/api/v1/events").get_json()["events"]
    assert command["events"] == sorted(event["id"] for event in events)
    line = "kubectl scale deployment web --replicas=5 -n shop"
    assert (command["command"], command["confidence"], command["user"]) == (line, "exact", "alice")
    for event in events:
        answer = client.get(f"/api/v1/events/{event['id']}").get_json()
        assert answer["kubectl"] == {"command": line, "confidence": "exact"}


def test_document_names_every_part_of_an_event() -> None:
    assert tuple(EVENT) == COLUMNS


def test_every_route_of_the_interface_is_described(described: Flask) -> None:
    routes = {str(rule).removeprefix("/api/v1") for rule in described.url_map.iter_rules() if "/api/v1/" in str(rule)}
    described_paths = {re.sub(r"\{(\w+)\}", r"<\1>", path) for path in describe()["paths"]}
    served_paths = {path.replace("<path:", "<").replace("<identifier>", "<id>") for path in routes}
    assert served_paths == described_paths | {"/openapi.json"}


def changed(replicas: int, **changes: object) -> dict[str, object]:
    web = {"kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"replicas": replicas}}
    place = {"resource": "deployments", "apiGroup": "apps", "namespace": "shop", "name": "web"}
    return audit_event(replicas, objectRef=place, responseObject=web, level="RequestResponse", **changes)


def test_life_of_an_object_tells_who_set_what(client: FlaskClient) -> None:
    batch = event_list([changed(3, verb="create", responseStatus={"code": 201}), changed(5, verb="update")])
    assert client.post("/webhook/audit/prod", data=batch).status_code == 200
    life = client.get("/api/v1/objects/prod/apps/deployments/shop/web").get_json()
    assert life["exists"] is True and life["older"] is None
    newest, oldest = life["changes"]
    assert (oldest["deed"], newest["deed"]) == ("created", "changed")
    assert newest["diff"] == [" spec:", "-  replicas: 3", "+  replicas: 5"]
    line = next(line for line in life["manifest"] if "replicas" in line["text"])
    assert line == {"text": "  replicas: 5", "event": newest["event"]["id"], "or_before": False, "is_unrecorded": False}


def test_object_and_actor_that_nobody_saw_are_empty_and_no_mistake(client: FlaskClient) -> None:
    life = client.get("/api/v1/objects/prod/core/configmaps/-/none").get_json()
    assert life["changes"] == life["manifest"] == [] and life["exists"] is None
    actor = client.get("/api/v1/actors/prod/nobody").get_json()
    assert actor["last"] is None and actor["deeds"] == []
    assert client.get("/api/v1/objects/prod/core/configmaps/-/none?before=x").status_code == 400


def test_actor_is_listed_and_described(client: FlaskClient) -> None:
    batch = event_list([audit_event(1), audit_event(2, responseStatus={"code": 403}, annotations={
        "authorization.k8s.io/decision": "forbid",
    })])
    assert client.post("/webhook/audit/prod", data=batch).status_code == 200
    (listed,) = client.get("/api/v1/actors/prod").get_json()["actors"]
    actor = client.get(f"/api/v1/actors/prod/{listed['name']}").get_json()
    assert actor["events_read"] == 2 and actor["events_read_are_all"] is True
    assert [event["code"] for event in actor["denied"]] == [403]
    assert sum(deed["events"] for deed in actor["deeds"]) == 2
    assert actor["addresses"][0]["value"]


@pytest.mark.parametrize("path", [
    "/objects/prod/apps/deployments/shop/web", "/actors/prod", "/actors/prod/alice",
])
def test_known_objects_and_actors_are_answered_as_the_document_says(described: Flask, path: str) -> None:
    changes = [changed(3, verb="create"), changed(5, verb="update")]
    batch = event_list([*changes, audit_event(1, user={"username": "alice"})])
    assert described.test_client().post("/webhook/audit/prod", data=batch).status_code == 200
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", described)
    template = {"objects": "/objects/{cluster}/{group}/{resource}/{namespace}/{name}", "actors": "/actors/{cluster}"}
    words = path.strip("/").split("/")
    chosen = template[words[0]] + ("/{name}" if words[0] == "actors" and len(words) == 3 else "")
    names = re.findall(r"\{(\w+)\}", chosen)
    schema[chosen]["GET"].Case(path_parameters=dict(zip(names, words[1:], strict=True))).call_and_validate()


def test_mistake_in_a_query_is_answered_with_its_place(client: FlaskClient) -> None:
    answer = client.get("/api/v1/events?q=user:alice+vreb:get")
    assert answer.status_code == 400
    assert (answer.get_json()["position"], answer.get_json()["length"]) == (11, 5)
    assert "verb" in answer.get_json()["expected"]


def test_export_holds_every_match_once_and_nothing_else(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "STEP_EVENTS", 7)
    post(client, 40)
    post(client, 10, verb="delete")
    answer = client.get("/api/v1/export?q=verb:get")
    lines = [json.loads(line) for line in answer.data.splitlines()]
    assert len({line["id"] for line in lines}) == len(lines) == 40
    assert [line["time"] for line in lines] == sorted((line["time"] for line in lines), reverse=True)
    assert answer.headers["Content-Disposition"].endswith('.ndjson"')
    rows = list(csv.DictReader(io.StringIO(client.get("/api/v1/export?format=csv").get_data(as_text=True))))
    assert len(rows) == 50 and tuple(rows[0]) == COLUMNS


def test_export_of_nothing_is_an_empty_file(client: FlaskClient) -> None:
    assert client.get("/api/v1/export?q=user:nobody").data == b""
    assert client.get("/api/v1/export?q=user:nobody&format=csv").data.startswith(b"id,cluster,")


def test_exports_leave_threads_for_batches(sqlite_client: FlaskClient) -> None:
    post(sqlite_client, 3)
    repository = context_of(sqlite_client.application).repository
    with closing(Export(repository, "", "csv", NOON_US)), closing(Export(repository, "", "csv", NOON_US)):
        refused = sqlite_client.get("/api/v1/export")
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert sqlite_client.get("/api/v1/export").status_code == 200


def test_export_that_nobody_reads_to_the_end_gives_its_place_back(sqlite_client: FlaskClient) -> None:
    post(sqlite_client, 3)
    for _ in range(export.PLACES + 1):
        sqlite_client.get("/api/v1/export", buffered=False).close()
        assert sqlite_client.head("/api/v1/export").status_code == 200
    assert sqlite_client.get("/api/v1/export?q=vreb:x").status_code == 400
    assert sqlite_client.get("/api/v1/export?format=pdf").status_code == 400
    assert len(sqlite_client.get("/api/v1/export").data.splitlines()) == 3


@pytest.mark.parametrize(("value", "cell"), [
    ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@SUM(A1)", "'@SUM(A1)"), ("  =1", "  '=1"),
    ("a;=1", "a;'=1"), ("a\n=1", "a\n'=1"), ("a,=1", "a,'=1"), ("\uff1d1", "'\uff1d1"), ("\t=1", "\\u0009=1"),
    ('say "hi"', 'say "hi"'), ("a=b", "a=b"), ("web-0", "web-0"),
    ("a\u202eb", "a\\u202eb"), ("x\x1b[31m", "x\\u001b[31m"),
])
def test_no_cell_is_taken_for_a_formula(value: str, cell: str) -> None:
    event = Event(id="", cluster="prod", time=0, name=value)
    (row,) = csv.reader(io.StringIO(write_csv([document_of(event)]).decode(), newline=""))
    assert row[COLUMNS.index("name")] == cell
