"""A megabyte of anything costs no part of the service more than a bounded time: receiving, each page, each answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient

from audit_webhook.app import create_app
from audit_webhook.events import decode
from audit_webhook.events.user_agents import client_of
from audit_webhook.storage.chunks import columns as entry
from audit_webhook.storage.chunks import grant_postings as grants
from tests.conftest import development
from tests.factories import audit_event, encode, event_list
from tests.heavy_events import MEGABYTE, every_shape, ordinary

MOST_TIMES_ORDINARY: Final = 50
PAGE_SECONDS: Final = 2.0
PARTS: Final = 6
RECEIVED: Final = 2
EVERY: Final = 16
"""Half of the shapes are received, in so many tests; a sixteenth is tried on pages."""


@pytest.fixture(scope="module")
def large_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The application, which takes batches of some megabytes."""
    folder: Path = tmp_path_factory.mktemp("heavy")
    app = create_app(development(DB_PATH=str(folder / "audit.db"), MAX_BODY_BYTES=str(32 * 1024**2)))
    yield app
    app.extensions["workers"].stop()


def spent(call: Callable[[], Any]) -> tuple[float, Any]:
    """Give this thread's own time for a call, and what it returned: others on the machine do not count."""
    began = time.thread_time()
    answer = call()
    return time.thread_time() - began, answer


def send(client: FlaskClient, cluster: str, raw: bytes) -> Any:
    answer = client.post(f"/webhook/audit/{cluster}", data=event_list([raw]))
    assert answer.status_code == 200
    return answer


@pytest.mark.parametrize("first", range(PARTS))
def test_receiving_any_megabyte_costs_at_most_fifty_ordinary_ones(large_app: Flask, first: int) -> None:
    client = large_app.test_client()
    usual = min(spent(lambda number=number: send(client, "usual", ordinary(number)))[0] for number in range(5))
    slow = {}
    for name, raw in every_shape(first, RECEIVED * PARTS):
        times = (spent(lambda raw=raw: send(client, "other", raw))[0] / usual for _ in range(3))
        if all(each > MOST_TIMES_ORDINARY for each in times):
            slow[name] = MOST_TIMES_ORDINARY
    assert slow == {}


def fetch(client: FlaskClient, path: str) -> int:
    """Read an answer to its end, as a stream goes on only while it is read."""
    with client.get(path) as answer:
        assert answer.get_data()
        return answer.status_code


def paths_of(cluster: str, event: dict[str, Any]) -> Iterator[str]:
    """Give the address of every page and answer that shows an event."""
    within = f"q=cluster:{cluster}"
    yield from (f"/?{within}", f"/?q=&show=events&{within}", f"/?q=&show=requests&{within}", f"/api/v1/events?{within}")
    yield from (f"/api/v1/commands?{within}", f"/api/v1/export?format=csv&{within}", f"/actors/{cluster}/alice")
    yield from (f"/events/{event['id']}", f"/api/v1/events/{event['id']}", f"/api/v1/actors/{cluster}/alice")
    yield from (f"/feed/filters/{event['id']}", f"/permissions/needs?cluster={cluster}&user=alice&since=all")
    names = [event["group"] or "core", event["resource"], event["namespace"], event["name"]]
    if all(names) and all(len(name) < 100 for name in names):
        place = "/".join(quote(name, safe="") for name in names)
        yield from (f"/objects/{cluster}/{place}", f"/api/v1/objects/{cluster}/{place}")


@pytest.mark.parametrize("first", range(PARTS))
def test_any_page_of_any_megabyte_takes_at_most_two_seconds(large_app: Flask, first: int) -> None:
    shapes = every_shape(first * EVERY, EVERY * PARTS)
    client = large_app.test_client()
    slow = {}
    for number, (name, raw) in enumerate(shapes):
        cluster = f"c{first}-{number}"
        send(client, cluster, raw)
        found = client.get(f"/api/v1/events?q=cluster:{cluster}").json["events"]
        for path in paths_of(cluster, found[0]) if found else ():
            seconds, status = spent(lambda path=path: fetch(client, path))
            assert status == 200, (name, path)
            if seconds > PAGE_SECONDS:
                slow[name, path] = seconds
    assert slow == {}


def test_long_texts_of_an_event_are_not_kept_in_memory(large_app: Flask) -> None:
    client = large_app.test_client()
    caches = (decode._known_caller, decode._known_action, entry._known_caller, entry._known_action,
              grants._known_binding)
    before = [cache.cache_info().currsize for cache in caches]
    for number in range(3):
        long = f"{number}" + "a" * (MEGABYTE // 5)
        send(client, "long", encode(audit_event(
            userAgent=long, verb=long, user={"username": long, "groups": [long]},
            objectRef={"resource": long, "apiGroup": long}, requestURI=f"/?fieldManager={long}",
            annotations={"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": long},
        )))
    assert [cache.cache_info().currsize for cache in caches] == before
    assert client_of("kubectl/v1.36 " + "a" * MEGABYTE) == "kubectl"
