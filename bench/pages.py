"""Measures the pages of the feed, of an object with 200 revisions, of actors and of permissions, up to the HTML."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

import orjson
from flask.testing import FlaskClient

from audit_webhook.app import create_app
from audit_webhook.config import Config
from audit_webhook.context import context_of, now
from audit_webhook.ingest.receive import receive
from audit_webhook.storage.repository import Repository
from bench.search import p95_milliseconds

REVISIONS: Final = 200
LIMIT_MS: Final = 300.0
ACTORS: Final = ("alice", "rare-user", "system:apiserver", "system:serviceaccount:kube-system:deployment-controller")


def store_life(repository: Repository) -> None:
    """Store an object's life, each change in a batch of its own, so that each lies in another chunk."""
    for body in _bodies():
        receive(repository, "bench", body, now())


def _bodies() -> Iterator[bytes]:
    newest = datetime.now(UTC)
    for number in range(REVISIONS):
        stamp = (newest - timedelta(minutes=REVISIONS - number)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        item = _change(number, stamp)
        yield orjson.dumps({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": {}, "items": [item]})


def _change(number: int, stamp: str) -> dict[str, Any]:
    return {
        "level": "RequestResponse", "auditID": f"life-{number}", "stage": "ResponseComplete",
        "requestURI": "/apis/apps/v1/namespaces/shop/deployments/much-changed?fieldManager=kubectl-set",
        "verb": "patch" if number else "create", "user": {"username": f"changer-{number % 7}"},
        "sourceIPs": ["10.0.0.1"], "userAgent": "kubectl/v1.36.2",
        "objectRef": {"resource": "deployments", "namespace": "shop", "name": "much-changed", "apiGroup": "apps"},
        "responseStatus": {"code": 200 if number else 201}, "requestObject": {"spec": {"replicas": number}},
        "responseObject": _deployment(number), "requestReceivedTimestamp": stamp, "stageTimestamp": stamp,
        "annotations": {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": ""},
    }


def _deployment(number: int) -> dict[str, Any]:
    """Make a manifest of about 4 KB of which each revision changes some lines."""
    env = [{"name": f"SETTING_{key}", "value": f"value-{(number + key) // 10}"} for key in range(20)]
    containers = [
        {"name": f"part-{part}", "image": f"registry.example/part-{part}:1.{number // 5}", "env": env,
         "resources": {"limits": {"cpu": "200m", "memory": "512Mi"}}}
        for part in range(3)
    ]
    return {
        "kind": "Deployment", "apiVersion": "apps/v1",
        "metadata": {"name": "much-changed", "namespace": "shop", "uid": "u-1", "generation": number},
        "spec": {"replicas": number, "template": {"spec": {"containers": containers}}},
        "status": {"replicas": number, "conditions": [{"type": "Available", "message": f"at {number}"}]},
    }


def measure_pages(repository: Repository, config: Config) -> bool:
    """Print a row for each page; tell whether those of objects and actors came within the limit."""
    store_life(repository)
    app = create_app(replace(config, environment="development", http_host=""))  # which asks for no login
    client = app.test_client()
    for show in ("commands", "requests", "events"):
        for query in ("", "client:kubectl"):
            _print_row(client, f"feed of {show} {query}", f"/?q={query}&show={show}")
    worst = _print_row(client, f"object of {REVISIONS} revisions", "/objects/bench/apps/deployments/shop/much-changed")
    worst = max(worst, *(_print_row(client, f"actor {name}", f"/actors/bench/{name}") for name in ACTORS))
    _print_row(client, "permissions, all time", "/permissions?cluster=bench&since=all")
    for name in ("alice", "rare-user"):
        _print_row(client, f"least privilege of {name}", f"/permissions/needs?cluster=bench&user={name}&since=all")
    app.extensions["workers"].stop()
    context_of(app).repository.close()
    print(f"worst p95 of an object's and an actor's page: {worst:.1f} ms; limit {LIMIT_MS:g} ms")
    return worst <= LIMIT_MS


def _print_row(client: FlaskClient, label: str, path: str) -> float:
    p95, median = p95_milliseconds(partial(_load, client, path))
    print(f"{label:65} {p95:8.1f} {median:8.1f}")
    return p95


def _load(client: FlaskClient, path: str) -> None:
    answer = client.get(path, headers={"Accept-Encoding": "gzip"})
    if answer.status_code != 200:
        raise RuntimeError(f"{path} was answered with {answer.status_code}")
