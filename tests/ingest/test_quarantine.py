"""What cannot be read never costs a batch: each cluster has its share of the quarantine, which is shown and emptied."""

from __future__ import annotations

import json
import random
import time
from hashlib import sha256

import pytest
from flask import Flask
from flask.testing import FlaskClient

from audit_webhook.cli import main
from audit_webhook.config import Config
from audit_webhook.context import context_of
from audit_webhook.ingest import quarantine
from audit_webhook.ingest.receive import receive
from audit_webhook.ingest.requeue import retry_items
from audit_webhook.storage.repository import Repository
from audit_webhook.storage.writer import Quarantined
from tests.factories import NOON_US, audit_event, encode, event_list

HOSTILE = b'{"note":"<script>alert(1)</script>\\u202e\\u001b[2J"}'


def bad(number: int, size: int = 0) -> bytes:
    """Return bytes that are no event, and cannot be compressed."""
    return json.dumps({"x": number, "noise": random.Random(number).randbytes(size).hex()}).encode()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the shares small."""
    monkeypatch.setattr(quarantine, "CLUSTER_ITEMS", 20)
    monkeypatch.setattr(quarantine, "CLUSTER_BYTES", 6_000)
    monkeypatch.setattr(quarantine, "ALL_ITEMS", 40)
    monkeypatch.setattr(quarantine, "ALL_BYTES", 12_000)
    monkeypatch.setattr(quarantine, "RESERVED_ITEMS", 4)
    monkeypatch.setattr(quarantine, "RESERVED_BYTES", 2_000)


def post(client: FlaskClient, cluster: str, *items: object) -> int:
    """Post a batch."""
    return client.post(f"/webhook/audit/{cluster}", data=event_list(items)).status_code  # type: ignore[arg-type]


def test_full_quarantine_costs_no_batch_and_no_readiness(client: FlaskClient, app: Flask, small: None) -> None:
    assert post(client, "noisy", *(bad(number) for number in range(500))) == 200
    for turn in range(5):
        for cluster in ("noisy", "quiet"):
            items = [audit_event(turn * 10 + number) for number in range(5)]
            assert post(client, cluster, *items, bad(1000 + turn)) == 200
            assert client.get("/readyz").status_code == 200
    assert len(client.get("/api/v1/events?limit=100").get_json()["events"]) == 50
    store = context_of(app).repository.quarantine
    assert (store.usage()["noisy"].items, store.usage()["quiet"].items) == (20, 5)
    (left,) = store.left_out()
    assert (left.cluster, left.items, left.digest) == ("noisy", 485, sha256(bad(1004)).digest())
    assert left.raw_bytes > 485 * 10 and left.reason


def test_cluster_that_floods_uses_only_its_share_of_the_bytes(repository: Repository, small: None) -> None:
    for number in range(30):
        receive(repository, "noisy", event_list([bad(number, 500)]), NOON_US)
    receive(repository, "quiet", event_list([bad(99, 300)]), NOON_US)
    usage = repository.quarantine.usage()
    assert usage["noisy"].stored_bytes <= 6_000 and usage["quiet"].stored_bytes > 300
    contents = {item.content for item in repository.quarantine.read_items(50)}
    assert bad(99, 300) in contents and b"" in contents
    hashed = [item for item in repository.quarantine.list_items(50, "noisy") if not item.stored_bytes]
    assert hashed and all(item.reason and item.raw_bytes > 1000 and len(item.digest) == 32 for item in hashed)


def test_every_cluster_has_room_when_all_others_are_full(repository: Repository, small: None) -> None:
    for cluster in ("a", "b", "c", "d", "e"):
        for number in range(30):
            receive(repository, cluster, event_list([bad(number, 100)]), NOON_US)
    receive(repository, "last", event_list([bad(1, 100)]), NOON_US)
    usage = repository.quarantine.usage()
    assert usage["last"].stored_bytes > 100
    assert sum(each.items for each in usage.values()) <= 40 + 6 * 4


def test_what_is_bounded_is_what_is_stored(repository: Repository) -> None:
    blank = b'{"x":"' + b" " * 4_000_000 + b'"}'
    receive(repository, "prod", event_list([blank]), NOON_US)
    usage = repository.quarantine.usage()["prod"]
    assert (usage.items, usage.stored_bytes < 40_000) == (1, True)
    (item,) = repository.quarantine.read_items()
    assert (item.content, item.raw_bytes) == (blank, len(blank))


def test_batch_that_is_sent_again_is_kept_and_counted_once(repository: Repository, small: None) -> None:
    body = event_list(bad(number) for number in range(20))
    for _ in range(3):
        receive(repository, "prod", body, NOON_US)
    assert repository.quarantine.usage()["prod"].items == 20 and repository.quarantine.left_out() == []


def test_ten_thousand_bad_items_take_no_longer_than_as_many_events(repository: Repository) -> None:
    body = event_list(b'{"x":%d}' % number for number in range(10_000))
    good = event_list(encode(audit_event(number / 100)) for number in range(10_000))
    began = time.process_time()
    receive(repository, "prod", good, NOON_US)
    usual = time.process_time() - began
    began = time.process_time()
    receive(repository, "prod", body, NOON_US)
    assert time.process_time() - began < 4 * usual


def put_aside(repository: Repository, raw: bytes) -> None:
    """Put an item into quarantine, as an earlier release or a database that refused it did."""
    item = Quarantined(sha256(raw).digest()[:16], "prod", NOON_US, "refused", len(raw), raw)
    repository.store("prod", [], quarantine.fit(repository.quarantine, "prod", [item]), NOON_US)


def test_retry_stores_what_can_be_read_now_and_leaves_the_rest(repository: Repository) -> None:
    put_aside(repository, encode(audit_event()))
    put_aside(repository, b"no event")
    assert retry_items(repository, "prod", NOON_US) == (1, 1)
    assert [item.content for item in repository.quarantine.read_items()] == [b"no event"]
    assert retry_items(repository, "", NOON_US) == (0, 1)


def test_command_lists_shows_retries_and_clears(
    engine: Config, repository: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("audit_webhook.command_line.load_settings", lambda: engine)
    assert main(["quarantine", "list"]) == 0 and "nothing is in quarantine" in capsys.readouterr().out
    put_aside(repository, encode(audit_event()))
    receive(repository, "staging", event_list([HOSTILE]), NOON_US)
    assert main(["quarantine", "list", "--json"]) == 0
    items = json.loads(capsys.readouterr().out)["items"]
    assert {item["cluster"] for item in items} == {"prod", "staging"}
    hostile = next(item["id"] for item in items if item["cluster"] == "staging")
    assert main(["quarantine", "show", hostile]) == 0
    said = capsys.readouterr().out
    assert "<script>" in said and "\x1b" not in said and "\u202e" not in said
    assert main(["quarantine", "show", "00" * 16]) == 1
    assert main(["quarantine", "show"]) == 2
    assert main(["quarantine", "clear"]) == 2
    assert main(["quarantine", "retry", "--cluster", "prod"]) == 0
    assert main(["quarantine", "retry"]) == 1
    assert main(["quarantine", "clear", hostile]) == 0
    assert main(["quarantine", "clear", "--all"]) == 0
    capsys.readouterr()
    assert main(["quarantine", "list"]) == 0 and "nothing is in quarantine" in capsys.readouterr().out


def test_page_shows_hostile_bytes_as_text(client: FlaskClient, app: Flask) -> None:
    assert "Nothing is in quarantine" in client.get("/quarantine").text
    post(client, "prod", HOSTILE)
    page = client.get("/quarantine?cluster=prod").text
    (item,) = context_of(app).repository.quarantine.read_items()
    assert f"/quarantine/{item.id.hex()}" in page
    shown = client.get(f"/quarantine/{item.id.hex()}").text
    assert "&lt;script&gt;" in shown and "<script>alert" not in shown and "\u202e" not in shown
    assert client.get("/quarantine/" + "0" * 32).status_code == 404
    assert client.get("/quarantine/..%2f").status_code == 404
    assert 'href="/quarantine?cluster=prod"' in client.get("/clusters/prod").text
