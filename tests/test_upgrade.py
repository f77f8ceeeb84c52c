"""A database of any earlier schema step is brought up to date by the next start, and every event of it is found."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from flask import Flask
from flask.testing import FlaskClient

from audit_webhook import schema
from audit_webhook.app import create_app
from audit_webhook.config import Config
from audit_webhook.database import Cursor
from audit_webhook.evidence_store import EvidenceStore
from audit_webhook.query.edit import quote
from audit_webhook.reader_store import ReaderStore
from audit_webhook.refusal_store import Refusal, RefusedRequests
from audit_webhook.repository import Repository, open_repository
from audit_webhook.services.ingest import receive
from audit_webhook.services.verify import verify
from audit_webhook.services.witness import Witness
from audit_webhook.signing import read_keys
from audit_webhook.wiring import now, wiring
from tests.factories import audit_event, event_list
from tools.make_old_stores import KEY, RECEIVED, UNREADABLE, WRITTEN

DATA: Final = Path(__file__).parent / "data"
STORED: Final = {int(path.name[:3]): path for path in sorted((DATA / "upgrade").glob("*.json.gz"))}
EARLIER: Final = sorted(schema.steps("sqlite"))
# Members of an event in the JSON interface, and the field that searches for each.
SEARCHED: Final = {
    "cluster": "cluster", "user": "user", "verb": "verb", "namespace": "ns", "resource": "resource", "name": "name",
    "subresource": "sub", "code": "code", "source_ip": "ip", "level": "level", "stage": "stage", "user_agent": "ua",
    "decision": "decision", "audit_id": "audit", "id": "id",
}


def stored(step: int) -> dict[str, Any]:
    """Give the stored database of the last version that had this step or, where it has none, the one before."""
    path = STORED[max(number for number in STORED if number <= step)]
    document: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    return document


def build(config: Config, step: int) -> dict[str, str]:
    """Make a database as a version with this step left it; give the hash of each event's bytes by its id."""
    old = stored(step)
    repository = open_repository(config)
    dialect = repository.database.dialect
    with repository.database.write() as cursor:
        cursor.execute(schema._STEPS_TABLE)
        for text in old["steps"][dialect].values():
            run(cursor, text)
        for name, table in old["tables"].items():
            insert(cursor, dialect, name, table)
        for number, text in schema.steps(dialect).items():
            if old["step"] < number <= step:
                run(cursor, text)
                insert(cursor, dialect, "schema_steps", {"columns": ["step", "applied"], "rows": [[number, "then"]]})
    repository.close()
    events: dict[str, str] = old["events"]
    return events


def run(cursor: Cursor, text: str) -> None:
    """Run the statements of a schema step."""
    for statement in schema._statements(text):
        cursor.execute(statement)


def insert(cursor: Cursor, dialect: str, name: str, table: dict[str, Any]) -> None:
    """Put rows into a table."""
    marks = ", ".join(["?" if dialect == "sqlite" else "%s"] * len(table["columns"]))
    columns = ", ".join(table["columns"])
    for row in table["rows"]:
        values = [base64.b64decode(value["base64"]) if isinstance(value, dict) else value for value in row]
        cursor.execute(f"INSERT INTO {name} ({columns}) VALUES ({marks})", values)


@contextmanager
def started(config: Config) -> Iterator[Flask]:
    """Start the application."""
    app = create_app(config)
    try:
        yield app
    finally:
        app.extensions["keeper"].stop()
        wiring(app).repository.close()


@contextmanager
def brought_up_to_date(config: Config) -> Iterator[Repository]:
    """Bring the schema up to date, without what goes on in the background of an application."""
    repository = open_repository(config)
    try:
        repository.migrate()
        yield repository
    finally:
        repository.close()


@pytest.fixture
def fresh(sqlite_config: Config) -> Iterator[FlaskClient]:
    """The application of today, that was sent what the old versions were sent."""
    with started(sqlite_config) as app:
        client = app.test_client()
        send(client)
        yield client


def send(client: FlaskClient) -> int:
    """Send what the stored databases hold."""
    for cluster, names in WRITTEN.items():
        for name in names:
            body = gzip.decompress((DATA / f"webhook/{name}.json.gz").read_bytes())
            assert client.post(f"/webhook/audit/{cluster}", data=body).status_code == 200
    return client.post("/webhook/audit/prod", data=UNREADABLE).status_code


def search(client: FlaskClient, text: str) -> list[dict[str, Any]]:
    """Give the events that a query finds."""
    found: list[dict[str, Any]]
    found = client.get("/api/v1/events", query_string={"q": text, "limit": 500}).get_json()["events"]
    return found


@pytest.mark.parametrize("step", EARLIER)
def test_every_event_is_found_after_the_start(engine: Config, step: int) -> None:
    events = build(engine, step)
    with started(engine) as app:
        repository = wiring(app).repository
        assert repository.is_ready()
        raws = {name: repository.find_event(bytes.fromhex(name)) for name in events}
        assert {name: raw and hashlib.sha256(raw.raw).hexdigest() for name, raw in raws.items()} == events
        assert len(search(app.test_client(), "")) == len(events)
        assert repository.quarantine_size()[0] == 1


@pytest.mark.parametrize("step", sorted(STORED))
def test_each_search_finds_what_it_finds_in_a_new_database(engine: Config, fresh: FlaskClient, step: int) -> None:
    if not engine.db_host:
        engine = Config.from_env({"ENVIRONMENT": "development", "DB_PATH": f"{engine.db_path}.old"})
    build(engine, step)
    everything = search(fresh, "")
    queries = sorted({
        f"{field}:{quote(str(event[member]))}"
        for event in everything for member, field in SEARCHED.items() if event[member] not in (None, "")
    })
    assert len(queries) > 100
    with started(engine) as app:
        client = app.test_client()
        for query in queries:
            wanted = [event["id"] for event in search(fresh, query)]
            assert wanted and [event["id"] for event in search(client, query)] == wanted, query


@pytest.mark.parametrize("step", EARLIER)
def test_what_was_stored_before_is_counted_and_known(engine: Config, step: int) -> None:
    events = build(engine, step)
    with started(engine) as app:
        client, tallies = app.test_client(), wiring(app).repository.tallies
        while tallies.count_untallied(20):
            tallies.compact()
        bars = client.get("/api/v1/histogram", query_string={"q": "since:2026-01-01"}).get_json()
        assert (bars["total"], bars["exact"]) == (len(events), True)
        assert send(client) == 200
        assert len(search(client, "")) == len(events)


@pytest.mark.parametrize("step", [step for step in EARLIER if step >= 4])
def test_saved_searches_and_tokens_are_still_there(engine: Config, step: int) -> None:
    build(engine, step)
    with started(engine) as app:
        database = wiring(app).repository.database
        assert [saved.name for saved in wiring(app).repository.saved.list_searches()] == ["deletions"]
        assert [token.label for token in ReaderStore(database).tokens()] == ["ci"]


@pytest.mark.parametrize("step", EARLIER)
def test_what_was_stored_before_is_signed_and_its_evidence_goes_on(engine: Config, tmp_path: Path, step: int) -> None:
    """What was stored before there were seals is counted in the first checkpoint, batch by batch."""
    events, key = build(engine, step), tmp_path / "key"
    key.write_bytes(KEY)
    with brought_up_to_date(engine) as repository:
        witness = Witness(EvidenceStore(repository.database), str(key), now)
        witness.sign_when_due()
        assert receive(repository, "prod", event_list([audit_event()]), now()).stored == 1
        witness.sign_when_due(is_last=True)
        report = verify(repository, read_keys(key), ())
    sealed, older = (len(events), 0) if step >= 5 else (0, len(stored(step)["tables"]["chunks"]["rows"]))
    assert (report.events, report.older) == (sealed + 1, older)
    assert report.is_sound and report.is_signed, report.findings.first


@pytest.mark.parametrize("step", [step for step in EARLIER if step >= 6])
def test_refused_requests_are_still_known(engine: Config, step: int) -> None:
    build(engine, step)
    with brought_up_to_date(engine) as repository:
        assert repository.refusals.last_refusals() == [Refusal("prod", RECEIVED, "wrong token", "192.0.2.1")]
        assert repository.refusals.refused_since(0) == [RefusedRequests("prod", "token", 3)]
