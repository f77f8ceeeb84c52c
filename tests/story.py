"""A few days of two clusters whose answers are known: the sample events, and what happened besides."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from audit_webhook.context import AppContext
from audit_webhook.events.ids import quarantine_id
from audit_webhook.events.redaction.redact import redact_unreadable
from audit_webhook.explore.setup import demo
from audit_webhook.ingest.import_losses import import_losses
from audit_webhook.ingest.receive import receive
from audit_webhook.storage.loss_store import GIVEN_UP, loss_id
from audit_webhook.storage.repository import Repository
from tests.factories import NOON, audit_event, event_list
from tests.ingest.test_apiserver_log import ERROR, klog, message
from tests.recorded import ref

NOW: Final = datetime(2026, 11, 25, 14, 30, tzinfo=UTC)
"""A Wednesday; the sample ends here, and so it begins at about half past eight."""
NOW_US: Final = int(NOW.timestamp()) * 1_000_000
REPORT_ID: Final = loss_id(GIVEN_UP, "prod", "1125 11:59:30.654321", "webhook", 4, ERROR).hex()
UNREADABLE: Final = b'{"note":"<script>alert(1)</script> \\u202e","x":[1,2,3]}'
UNREADABLE_ID: Final = quarantine_id("prod", redact_unreadable(UNREADABLE)).hex()
REPORTER: Final = "system:serviceaccount:shop:reporter"
INTRUDER: Final = "203.0.113.66"
STOLEN: Final = "JTI=5f0d0c8e-6a51-4f0b-9c0e-2f4d7a9b1c33"
CREDENTIAL: Final = "authentication.kubernetes.io/credential-id"


def load(repository: Repository) -> None:
    """Store all of it."""
    demo.load(repository, NOW_US)
    for cluster, events in (("prod", list(_prod())), ("staging", list(_staging()))):
        receive(repository, cluster, event_list(events), NOW_US)
    receive(repository, "prod", event_list([UNREADABLE, b"null", b'"text"']), NOW_US)


def at(moment: str, **changes: Any) -> dict[str, Any]:
    """Make an event that happened at a time, UTC."""
    happened = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    return audit_event((happened - NOON).total_seconds(), **changes)


def _staging() -> Iterator[dict[str, Any]]:
    for moment, user, name in (
        ("2026-11-23T16:20:00", "carol", "app-config"), ("2026-11-25T02:14:07", "mallory", "app-config"),
        ("2026-11-25T02:15:30", "mallory", "feature-flags"), ("2026-11-25T09:01:00", "ci-bot", "app-config-old"),
    ):
        yield at(
            moment, verb="delete", user={"username": user, "groups": ["system:authenticated"]},
            objectRef={**ref("configmaps", name, "staging"), "apiVersion": "v1"},
            requestURI=f"/api/v1/namespaces/staging/configmaps/{name}", sourceIPs=["10.20.4.77"],
            responseStatus={"status": "Success", "details": {"name": name, "kind": "configmaps"}, "code": 200},
        )


def _prod() -> Iterator[dict[str, Any]]:
    yield from _reporter()
    yield from _stolen_token()
    reason = 'RBAC: allowed by ClusterRoleBinding "on-call" of ClusterRole "cluster-admin" to User "dave"'
    yield at(
        "2026-11-24T03:40:00", verb="delete", user={"username": "dave", "groups": ["system:authenticated"]},
        objectRef=ref("nodes", "node-3"), requestURI="/api/v1/nodes/node-3",
        annotations={"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": reason},
    )


def _reporter() -> Iterator[dict[str, Any]]:
    """A service account reads two secrets, tries a third, and reads a config map."""
    account = {"username": REPORTER, "groups": ["system:serviceaccounts", "system:authenticated"]}
    for second, (name, code) in enumerate((("db-credentials", 200), ("payment-key", 200), ("root-ca-key", 403))):
        decision = "forbid" if code == 403 else "allow"
        yield at(
            f"2026-11-25T01:00:{second:02}", user=account, userAgent="python-requests/2.32", sourceIPs=["10.244.1.9"],
            objectRef={**ref("secrets", name, "shop"), "apiVersion": "v1"}, responseStatus={"code": code},
            requestURI=f"/api/v1/namespaces/shop/secrets/{name}",
            annotations={"authorization.k8s.io/decision": decision, "authorization.k8s.io/reason": ""},
        )
    yield at(
        "2026-11-25T01:00:09", user=account, userAgent="python-requests/2.32", sourceIPs=["10.244.1.9"],
        objectRef={**ref("configmaps", "settings", "shop"), "apiVersion": "v1"},
        requestURI="/api/v1/namespaces/shop/configmaps/settings",
    )


def _stolen_token() -> Iterator[dict[str, Any]]:
    """Somebody uses a token of alice from outside."""
    alice = {"username": "alice", "groups": ["system:authenticated"], "extra": {CREDENTIAL: [STOLEN]}}
    for second, name in enumerate(("", "db-credentials")):
        yield at(
            f"2026-11-25T03:05:{second * 9:02}", user=alice, userAgent="curl/8.9.1", sourceIPs=[INTRUDER],
            verb="get" if name else "list", objectRef={**ref("secrets", name, "shop"), "apiVersion": "v1"},
            requestURI=f"/api/v1/namespaces/shop/secrets/{name}".rstrip("/"),
        )


def lose(parts: AppContext) -> None:
    """Let requests be refused, a sender fall silent, another be upgraded, and a kube-apiserver give events up."""
    agent = "kube-apiserver/v1.36.2 (linux/amd64) kubernetes/9edcffc"
    for number in range(10):
        parts.senders.note_batch("prod", "10.20.0.11", agent, 40, 9000, NOW_US - (10 - number) * 3_000_000)
        parts.senders.note_batch("prod", "10.20.0.12", agent, 40, 9000, NOW_US - (400 - number) * 3_000_000)
    parts.senders.write_now()
    newer = agent.replace("36.2", "36.3")
    parts.senders.note_batch("prod", "10.20.0.11", newer, 40, 9000, NOW_US)
    refused = (("the token is not the one expected", "token"), ("the batch is larger than it may be", "size"))
    for reason, kind in refused:
        parts.refusals.note("prod", kind, reason, "10.20.0.13", NOW_US - 60_000_000, 0, agent)
    parts.refusals.flush()
    parts.senders.write_now()
    lines = [line.encode() for line in klog(message(4), "1125 11:59:30.654321")]
    import_losses(parts.losses, "prod", "kube-apiserver.log", lines, NOW_US)
