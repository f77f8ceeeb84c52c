"""Two callers or actions whose hashes are the same are told apart everywhere: here the hash of a row has three bits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from hashlib import sha256

import pytest
from flask.testing import FlaskClient

from audit_webhook.config import Config
from audit_webhook.context import context_of
from audit_webhook.errors import StoreUnavailable
from audit_webhook.events import ids as identity
from audit_webhook.ingest.receive import receive
from audit_webhook.storage.chunks import columns as entry
from audit_webhook.storage.chunks.counts import DAY
from audit_webhook.storage.repository import Repository, open_repository
from tests.factories import NOON_US, audit_event, event_list
from tests.sealed_store import Evidence

USERS = ("alice", "bob", "carol", "dave", "mallory", "system:serviceaccount:shop:deployer")
VERBS = ("get", "list", "create", "delete", "patch")
EVENTS = [(user, verb) for user in USERS for verb in VERBS[:USERS.index(user) % 5 + 1]]


@pytest.fixture(autouse=True)
def three_bits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave three bits of the hash of a row, and forget the rows that were made with all of it."""
    caches = entry._known_caller, entry._known_action
    monkeypatch.setattr(identity, "_hash_row", lambda text: bytes([sha256(text.encode()).digest()[0] % 8]) + bytes(15))
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def bodies(together: bool) -> list[bytes]:
    """Return the events as one batch, or each in its own."""
    reason = 'RBAC: allowed by ClusterRoleBinding "admins" of ClusterRole "admin" to Group "dev-team"'
    notes = {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": reason}
    items = [
        audit_event(number, user={"username": user, "groups": ["dev-team"]}, verb=verb, annotations=notes)
        for number, (user, verb) in enumerate(EVENTS)
    ]
    return [event_list(items)] if together else [event_list([item]) for item in items]


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "many batches"])
def test_callers_and_actions_with_one_hash_are_told_apart_on_every_page(client: FlaskClient, together: bool) -> None:
    assert len({identity.row_id((user,)) for user in USERS}) < len(USERS)
    for body in bodies(together):
        for _ in range(2):  # each batch comes twice
            assert client.post("/webhook/audit/prod", data=body).status_code == 200
    shown = client.get("/api/v1/events?limit=100").get_json()["events"]
    assert sorted((event["user"], event["verb"]) for event in shown) == sorted(EVENTS)
    by_user, by_verb = Counter(user for user, _ in EVENTS), Counter(verb for _, verb in EVENTS)
    facets = client.get("/api/v1/facets").get_json()["facets"]
    assert {each["value"]: each["events"] for each in facets["user"]} == by_user
    assert {each["value"]: each["events"] for each in facets["verb"]} == by_verb
    for user in USERS:
        found = client.get(f"/api/v1/events?limit=100&q=user:{user}").get_json()["events"]
        assert Counter(event["verb"] for event in found) == Counter(verb for own, verb in EVENTS if own == user)
        assert client.get(f"/api/v1/histogram?q=user:{user}").get_json()["total"] == by_user[user]
        assert user in client.get("/permissions?cluster=prod&since=all").get_data(as_text=True)
        assert client.get(f"/actors/prod/{user}").status_code == 200
    for verb in VERBS:
        found = client.get(f"/api/v1/events?limit=100&q=verb:{verb}").get_json()["events"]
        assert Counter(event["user"] for event in found) == Counter(user for user, own in EVENTS if own == verb)


def test_summed_counts_tell_callers_with_one_hash_apart(client: FlaskClient) -> None:
    for body in bodies(together=False):
        client.post("/webhook/audit/prod", data=body)
    tallies = context_of(client.application).repository.tallies
    assert tallies.compact() == len(EVENTS)
    facets = client.get("/api/v1/facets").get_json()["facets"]
    assert {each["value"]: each["events"] for each in facets["user"]} == Counter(user for user, _ in EVENTS)


def test_verify_finds_nothing_wrong_with_callers_that_share_a_hash(evidence: Evidence) -> None:
    for number, body in enumerate(bodies(together=False)):
        receive(evidence.repository, "prod", body, NOON_US + number)
    evidence.sign()
    assert evidence.found() == []
    assert len(evidence.rows("SELECT id FROM callers")) == len(USERS)


def test_process_that_remembers_nothing_tells_callers_apart_too(repository: Repository, engine: Config) -> None:
    first, *others = bodies(together=False)
    receive(repository, "prod", first, NOON_US)
    for body in others:
        another = open_repository(engine)
        try:
            assert receive(another, "prod", body, NOON_US).stored == 1
        finally:
            another.close()
    named = {row[2] for row in repository.tallies.read_callers([bytes([bits]) + bytes(15) for bits in range(8)])}
    assert named == set(USERS)


def test_caller_keeps_its_id_on_the_next_day(repository: Repository) -> None:
    for day in range(3):
        for body in bodies(together=False):
            receive(repository, "prod", body, NOON_US + day * DAY * 1000)
    assert len(repository.tallies.read_callers([bytes([bits]) + bytes(15) for bits in range(8)])) == len(USERS)


def test_batch_is_refused_when_every_id_is_another_ones(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "_hash_row", lambda text: bytes(16))
    body = event_list(audit_event(user={"username": user}) for user in USERS[:2])
    with pytest.raises(StoreUnavailable, match="other rows hold each id"):
        receive(repository, "prod", body, NOON_US)


def test_days_of_clusters_are_summed_apart(repository: Repository) -> None:
    for number in range(20):
        for cluster in ("prod", "staging"):
            receive(repository, cluster, event_list([audit_event(number)]), NOON_US)
    assert repository.tallies.compact() == 40
    kept = repository.tallies.tallied_clusters()
    assert {cluster: each.events for cluster, each in kept.items()} == {"prod": 20, "staging": 20}


@pytest.mark.parametrize("length", [100, 169, 253, 510, 511, 512, 4_000])
def test_users_that_differ_at_the_end_of_a_long_name_are_told_apart(client: FlaskClient, length: int) -> None:
    users = ["system:serviceaccount:" + "n" * 63 + ":" + "a" * length + end for end in ("x", "y")]
    client.post("/webhook/audit/prod", data=event_list(audit_event(user={"username": user}) for user in users))
    facets = client.get("/api/v1/facets").get_json()["facets"]
    assert [each["events"] for each in facets["user"]] == [1, 1]
    for user in users:
        found = client.get(f"/api/v1/events?q=user:{user}").get_json()["events"]
        assert len(found) == 1 and client.get(f"/api/v1/events/{found[0]['id']}").get_json()["raw"].find(user) > 0
