"""A limited reader learns nothing of others: two servers, of which one also holds what he may not see, answer alike.

Every route of the application is asked, with many queries, cursors, ids and tokens; status, headers and bodies are
compared. A route that is added must be listed here with what to ask it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from audit_webhook.access.gate import need_of
from audit_webhook.app import create_app
from audit_webhook.config import Config
from audit_webhook.context import context_of
from audit_webhook.storage.scope import Scope
from tests.access.asked_routes import ASKED, BY_ENDPOINT, NAMES, cursors
from tests.conftest import development
from tests.factories import NOON_US, audit_event, event_list
from tests.mariadb import MariaDB
from tests.readers import add_user, log_in, logged_in

DAY: Final = 86_400
CLOCK: Final = NOON_US + 4 * DAY * 1_000_000
SENDER: Final = {"Authorization": "Bearer t"}
READERS: Final = {
    "bob": Scope(frozenset({"prod"}), frozenset({"shop"})), "carol": Scope(frozenset({"prod"}), None),
    "nobody": Scope(frozenset({"elsewhere"}), None),
}
FOR_OPERATORS: Final = {
    "static", "ops.get_healthz", "ops.get_readyz", "ops.get_metrics", "ingest.post_batch", "ingest.post_records",
}
"""Not for readers; docs/security.md says to let only the monitoring reach them."""
PAGED: Final = {"ui.show_feed", "api.get_events", "api.get_commands"}
ON_MARIADB: Final = 6
"""Of so many questions one is asked on MariaDB: what is asked of the database is the same as on SQLite."""


class Pair(NamedTuple):
    """Two servers: one with what bob may see, and one that holds more; with ids that both and only it have."""

    own: Flask
    more: Flask
    shared: list[str]
    hidden: list[str]


def happened(seconds: float, namespace: str, name: str, user: str, **more: Any) -> dict[str, Any]:
    ref = {"resource": "pods", "name": name, "apiVersion": "v1", **({"namespace": namespace} if namespace else {})}
    return audit_event(seconds, objectRef=ref, user={"username": user, "groups": ["g"]}, **more)


def visible() -> list[dict[str, Any]]:
    found = [
        happened(100 + number * 40, "shop", f"web-{number}", "alice" if number % 2 else "bob-user", level="Request",
                 verb="create" if number % 3 == 0 else "get", requestObject={"metadata": {"name": f"web-{number}"}},
                 auditID=f"own-{number}") for number in range(50)
    ]
    found.append(happened(4000, "shop", "same", "alice", auditID="shared"))
    patch = {"verb": "patch", "level": "Request", "requestObject": {"spec": {"replicas": 3}}, "auditID": "own-patch"}
    return [*found, happened(4000.1, "shop", "same", "alice", **patch)]


def others(place: int, namespace: str) -> list[dict[str, Any]]:
    reason = 'RBAC: allowed by ClusterRoleBinding "hiddenbinding" of ClusterRole "cluster-admin" to User "alice"'
    found = [
        happened(90 + number * 41 + place, namespace, f"web-{number}" if number % 2 else f"hidden-{place}-{number}",
                 "alice" if number % 3 else f"hiddenuser{place}", verb="delete" if number % 4 == 0 else "list",
                 auditID="shared" if number == 3 else f"hidden-{place}-{number}", sourceIPs=["6.6.6.6"],
                 userAgent="hiddenagent/1", annotations={"authorization.k8s.io/decision": "allow",
                                                         "authorization.k8s.io/reason": reason})
        for number in range(36)
    ]
    near = happened(4000.05 + place / 100, namespace, "same", "alice", auditID=f"hidden-near-{place}")
    ahead, behind = (happened(seconds + place, namespace, name, "alice", auditID=f"hidden-{name}-{place}")
                     for seconds, name in ((2 * DAY, "future"), (-9 * DAY, "past")))
    return [*found, near, ahead, behind]


def post(app: Flask, cluster: str, items: list[Any], **headers: str) -> None:
    app.test_client().post(f"/webhook/audit/{cluster}", data=event_list(items), headers=headers or SENDER)


def fill(app: Flask, hidden: dict[str, list[list[dict[str, Any]]]]) -> None:
    """Send what bob may see in batches, among other events of the cluster; then what other clusters sent."""
    own = visible()
    mixed = [event for events in hidden.get("prod", []) for event in events]
    for start in range(0, len(own), 7):
        post(app, "prod", own[start:start + 7] + mixed[start * 2:start * 2 + 14])
    for cluster, lists in hidden.items():
        for events in lists:
            post(app, cluster, events)
    if hidden:
        for cluster in hidden:
            post(app, cluster, [b'{"broken', b"[1]"])
        for cluster in ("staging", "hiddencluster", "bad name"):
            post(app, cluster, [own[0]], Authorization="Bearer wrong")
        context_of(app).refusals.flush()


def opened(config: Config, folder: Path) -> Flask:
    folder.mkdir()
    app = create_app(replace(config, environment="production", webhook_token="t", ui_users_file=str(folder / "users")))
    app.extensions["audit_webhook"] = replace(context_of(app), clock=lambda: CLOCK)
    for name, scope in READERS.items():
        add_user(folder / "users", name, "viewer", scope)
    return app


@pytest.fixture(scope="module", params=["sqlite", "mariadb"])
def configs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Config]]:
    """Settings of four empty stores on an engine."""
    if request.param == "sqlite":
        yield [development(DB_PATH=str(tmp_path_factory.mktemp("store") / "audit.db")) for _ in range(4)]
        return
    server: MariaDB = request.getfixturevalue("mariadb")
    names = [f"apart_{number}" for number in range(4)]
    for name in names:
        server.execute(f"CREATE DATABASE {name}")
    yield [development(**server.environment(name)) for name in names]
    for name in names:
        server.execute(f"DROP DATABASE {name}")


def pair_of(configs: list[Config], folder: Path, hidden: dict[str, list[list[dict[str, Any]]]]) -> Pair:
    own, more = (opened(config, folder / name) for config, name in zip(configs, ("own", "more"), strict=True))
    fill(own, {})
    fill(more, hidden)
    found = [
        [event["id"] for event in logged_in(app, "root").get("/api/v1/events?limit=500").get_json()["events"]]
        for app in (own, more)
    ]
    return Pair(own, more, found[0], [identifier for identifier in found[1] if identifier not in found[0]])


@pytest.fixture(scope="module")
def by_namespace(configs: list[Config], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Servers that differ in other namespaces and other clusters."""
    hidden = {
        "prod": [others(0, "bank"), others(1, ""), others(2, "shop-2")],
        "staging": [others(3, "bank"), others(4, "")], "third": [others(5, "bank")],
    }
    pair = pair_of(configs[:2], tmp_path_factory.mktemp("namespaces"), hidden)
    yield pair
    close(pair)


@pytest.fixture(scope="module")
def by_cluster(configs: list[Config], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Servers that differ in other clusters alone."""
    hidden = {"staging": [others(3, "shop"), others(4, "")], "third": [others(5, "shop")]}
    pair = pair_of(configs[2:], tmp_path_factory.mktemp("clusters"), hidden)
    yield pair
    close(pair)


def close(pair: Pair) -> None:
    for app in (pair.own, pair.more):
        app.extensions["workers"].stop()
        context_of(app).repository.close()


def paths(app: Flask, rule: Rule, pair: Pair) -> Iterator[str]:
    """Give the paths of a route with each value of its arguments."""
    values = {**NAMES, "identifier": (*pair.shared[:5], *pair.hidden[::16], "0" * 26, "x")}
    values["name"] = BY_ENDPOINT.get(rule.endpoint, ())
    names = sorted(rule.arguments)
    for chosen in itertools.product(*(values[name] for name in names)):
        with app.test_request_context():
            yield app.url_for(rule.endpoint, **dict(zip(names, chosen, strict=True)))


def questions(pair: Pair) -> Iterator[tuple[str, str]]:
    """Give a method and an address for everything that readers can ask."""
    for rule in pair.own.url_map.iter_rules():
        if rule.endpoint in FOR_OPERATORS:
            continue
        asked = ASKED[rule.endpoint] + ([*cursors(pair.hidden)] if rule.endpoint in PAGED else [])
        for path in paths(pair.own, rule, pair):
            for method, given in itertools.product(sorted((rule.methods or set()) - {"OPTIONS", "HEAD"}), asked):
                yield method, f"{path}?{urlencode(given)}" if given else path


SECRET: Final = re.compile(
    r'(?P<before>name="form_token" value="|"after":"|data-live="|[?&]token=|form_token&#34;: &#34;)[\w-]+'
)


def told(answer: TestResponse) -> tuple[int, list[tuple[str, str]], str]:
    """Give all that an answer says, but for what is drawn anew for each session, of which the length stays."""
    text = SECRET.sub(lambda found: f"{found['before']}{len(found[0])}", answer.get_data(as_text=True))
    headers = [(name, value) for name, value in answer.headers if name not in ("Set-Cookie", "Content-Length")]
    return answer.status_code, headers, text


def check(pair: Pair, name: str) -> None:
    clients: list[FlaskClient] = [pair.own.test_client(), pair.more.test_client()]
    assert [log_in(client, name) for client in clients] == [303, 303]
    every = ON_MARIADB if context_of(pair.own).config.db_host else 1
    count = 0
    for method, address in itertools.islice(questions(pair), 0, None, every):
        answers = [told(client.open(address, method=method, buffered=True)) for client in clients]
        count += 1
        assert answers[0] == answers[1], (name, method, address)
    assert count > 700 // every


def test_every_route_is_listed(sqlite_app: Flask) -> None:
    endpoints = {rule.endpoint for rule in sqlite_app.url_map.iter_rules()}
    assert endpoints == ASKED.keys() | FOR_OPERATORS
    assert {need_of(endpoint) for endpoint in ASKED} <= {"viewer", "admin", "public"}


@pytest.mark.parametrize("name", ["bob", "nobody"])
def test_reader_of_a_namespace_learns_nothing_of_others(by_namespace: Pair, name: str) -> None:
    check(by_namespace, name)


@pytest.mark.parametrize("name", ["bob", "carol", "nobody"])
def test_reader_of_a_cluster_learns_nothing_of_others(by_cluster: Pair, name: str) -> None:
    check(by_cluster, name)
