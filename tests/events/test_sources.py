"""Whatever an audit event is wrapped in, its own bytes are found; what is none is named, and nothing is passed over."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from audit_webhook.events.decode import read_wire, to_event
from audit_webhook.events.sources.rewritten import restore
from audit_webhook.events.sources.unwrap import unwrap
from audit_webhook.events.sources.unwrapped import Event, Other, Unreadable
from audit_webhook.ingest.receive import receive
from audit_webhook.search import feed
from audit_webhook.search.explain import explain
from audit_webhook.storage.repository import Repository
from tests.factories import NOON_US, event_list
from tests.wraps import PREFIX, WRAPS, found_in, recorded

NOW: Final = NOON_US + 3_600_000_000


@pytest.mark.parametrize("name", sorted(WRAPS))
def test_wrapped_event_keeps_its_bytes(name: str) -> None:
    raws = recorded()
    text = "\n".join(WRAPS[name](raw.decode()) for raw in raws).encode()
    assert [found.raw for found in found_in(text) if isinstance(found, Event)] == raws
    assert not [found for found in found_in(text) if isinstance(found, Unreadable)]


@pytest.mark.parametrize("name", [
    "CRI", "docker", "journald JSON", "EKS filter-log-events", "EKS subscriptions in a row", "AKS records", "Loki",
    "syslog 5424 with its length", "Splunk CSV",
])
def test_event_that_came_by_webhook_is_not_stored_again(repository: Repository, name: str) -> None:
    raws = recorded(20)
    sent = [b"{" + raw.removeprefix(PREFIX) for raw in raws]
    first = receive(repository, "prod", event_list(sent), NOW)
    text = "\n".join(WRAPS[name](raw.decode()) for raw in raws).encode()
    second = receive(repository, "prod", text, NOW)
    assert (first.stored, second.stored, second.duplicate, second.quarantined) == (20, 0, 20, 0)


def test_parts_of_container_runtimes_are_joined_by_their_stream() -> None:
    (raw,) = recorded(1)
    pieces = [raw[start:start + 100] for start in range(0, len(raw), 100)]
    lines = [b"2026-11-20T10:00:00Z stdout " + (b"F " if piece is pieces[-1] else b"P ") + piece for piece in pieces]
    other = b'2026-11-20T10:00:00Z stderr F I1120 10:00:00.000000       1 server.go:1] "x"'
    mixed = [line for each in lines[:-1] for line in (each, other)] + lines[-1:]
    found = found_in(b"\n".join(mixed))
    assert [each.raw for each in found if isinstance(each, Event)] == [raw]
    assert len([each for each in found if isinstance(each, Other)]) == len(lines) - 1


def test_lines_that_docker_split_are_joined_by_their_stream() -> None:
    raws = recorded(4)
    lines = [
        json.dumps({"log": piece, "stream": "stdout", "time": "x"})
        for raw in raws for text in [raw.decode() + "\n"]
        for piece in [text[start:start + 300] for start in range(0, len(text), 300)]
    ]
    other = json.dumps({"log": "I1120 10:00:00.000000       1 server.go:1] hello\n", "stream": "stderr", "time": "x"})
    found = found_in("\n".join(each for line in lines for each in (line, other)).encode())
    assert [each.raw for each in found if isinstance(each, Event)] == raws
    assert not [each for each in found if isinstance(each, Unreadable)]


def test_lines_that_journald_split_are_joined_by_their_stream() -> None:
    raws = recorded(3)
    lines = []
    for raw in raws:
        pieces = [raw.decode()[start:start + 400] for start in range(0, len(raw), 400)]
        for piece in pieces:
            broken = {} if piece is pieces[-1] else {"_LINE_BREAK": "line-max"}
            lines.append(json.dumps({"_STREAM_ID": "a1", "MESSAGE": piece, **broken}))
    assert [each.raw for each in found_in("\n".join(lines).encode()) if isinstance(each, Event)] == raws


@pytest.mark.parametrize("indent", [1, 2, 4])
def test_documents_over_several_lines_are_read(indent: int) -> None:
    raws = recorded(5)
    documents = [json.loads(raw) for raw in raws]
    one_by_one = "\n".join(json.dumps(each, indent=indent) for each in documents).encode()
    listed = json.dumps({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": documents}, indent=indent)
    for text in (one_by_one, listed.encode()):
        assert [json.loads(each.raw)["auditID"] for each in found_in(text) if isinstance(each, Event)] == [
            each["auditID"] for each in documents
        ]


def test_event_that_a_shipper_wrote_again_has_its_bytes_back() -> None:
    for raw in recorded():
        original = json.loads(raw)
        if "requestObject" in original or "responseObject" in original:
            continue
        rewritten = {"@timestamp": "x", **dict(sorted(original.items())), "hostname": "h", "kubernetes": {"a": 1}}
        (found,) = unwrap(json.dumps(rewritten).encode())
        assert isinstance(found, Event) and found.raw == b"{" + raw.removeprefix(PREFIX)
        assert restore(original) == found.raw


def test_nested_members_that_a_shipper_sorted_are_in_their_order_again() -> None:
    for raw in recorded():
        original = json.loads(raw)
        if "requestObject" not in original and "responseObject" not in original:
            (found,) = unwrap(json.dumps({"host": "h", **original}, sort_keys=True).encode())
            assert isinstance(found, Event) and found.raw == b"{" + raw.removeprefix(PREFIX) and not found.is_own


def test_sorted_events_of_a_shipper_are_known_from_the_webhook(repository: Repository) -> None:
    raws = [raw for raw in recorded() if b"Object\":{" not in raw]
    receive(repository, "prod", event_list([b"{" + raw.removeprefix(PREFIX) for raw in raws]), NOW)
    lines = [json.dumps({"host": "h", **json.loads(raw)}, sort_keys=True) for raw in raws]
    for body in ("\n".join(lines), f"[{','.join(lines)}]"):
        receipt = receive(repository, "prod", body.encode(), NOW)
        assert (receipt.stored, receipt.duplicate, receipt.quarantined) == (0, len(raws), 0)


def test_event_whose_members_are_all_texts_is_read() -> None:
    for raw in recorded():
        original = json.loads(raw)
        texts = {name: each if isinstance(each, str) else json.dumps(each) for name, each in original.items()}
        (found,) = unwrap(json.dumps(texts).encode())
        assert isinstance(found, Event) and json.loads(found.raw).items() <= original.items()


def test_members_that_a_collector_added_at_the_end_are_taken_off() -> None:
    for raw in recorded():
        added = raw[:-1] + b',"kubernetes":{"pod_name":"kube-apiserver"}}'
        (found,) = unwrap(added)
        original, restored = json.loads(raw), json.loads(found.raw) if isinstance(found, Event) else {}
        assert restored == {name: value for name, value in original.items() if name not in ("kind", "apiVersion")}


def test_body_that_a_cloud_left_out_is_marked_and_not_taken_for_one() -> None:
    document = {**json.loads(recorded(1)[0]), "requestObject": "skipped-too-big-size-object"}
    (found,) = unwrap(json.dumps(document).encode())
    assert isinstance(found, Event) and found.is_cut and b"skipped-too-big" not in found.raw


GKE: Final[dict[str, Any]] = {
    "insertId": "a1", "timestamp": "2026-11-20T10:00:00.5Z", "labels": {"authorization.k8s.io/decision": "allow"},
    "protoPayload": {
        "@type": "type.googleapis.com/google.cloud.audit.AuditLog", "serviceName": "k8s.io",
        "methodName": "io.k8s.core.v1.pods.exec.create", "resourceName": "core/v1/namespaces/shop/pods/web-0/exec",
        "authenticationInfo": {"principalEmail": "alice@example.com", "authoritySelector": "bob"},
        "requestMetadata": {"callerIp": "192.0.2.1", "callerSuppliedUserAgent": "kubectl/v1.36"},
        "status": {"code": 7, "message": "Forbidden"},
    },
}


def test_entry_of_google_cloud_is_translated_as_far_as_it_goes() -> None:
    (found,) = unwrap(json.dumps(GKE).encode())
    assert isinstance(found, Event)
    event = to_event(read_wire(found.raw), found.raw, "prod")
    assert (event.user, event.impersonated_user, event.verb, event.code) == ("alice@example.com", "bob", "create", 403)
    assert (event.resource, event.subresource, event.namespace, event.name) == ("pods", "exec", "shop", "web-0")
    assert event.user_groups == () and event.source_ip == "192.0.2.1"


@pytest.mark.parametrize(("line", "what"), [
    ('{"level":"info","ts":1700000000.1,"logger":"controller","msg":"Reconciling"}', "log line"),
    ('{"level":"warn","ts":"x","caller":"etcdserver/util.go:170","msg":"apply request took too long"}', "etcd"),
    ('{"auditID":"b1","user":{},"method":"POST","remoteAddr":"1:5","requestTimestamp":"x"}', "Rancher"),
    ("I1120 10:00:00.000000       1 server.go:1] hello", "klog"),
    ("type=SYSCALL msg=audit(1700000000.1:1): arch=c000003e", "auditd"),
    ('{"messageType":"CONTROL_MESSAGE","logEvents":[{"message":"x"}]}', "CloudWatch"),
    ('{"category":"autoscaler","properties":{"log":"I1120 10:00:00.000000 1 x.go:1] y"}}', "autoscaler"),
    ('{"apiVersion":"v1","kind":"Event","metadata":{"name":"web.1"},"message":"Started"}', "object of Kubernetes"),
])
def test_what_is_no_audit_event_is_named(line: str, what: str) -> None:
    found = list(unwrap(line.encode()))
    assert found and all(isinstance(each, Other) and what in each.what for each in found), found


def test_explain_reads_what_is_wrapped() -> None:
    raws = recorded()
    plain = explain(b"\n".join(raws))
    wrapped = explain("\n".join(WRAPS["AKS"](raw.decode()) for raw in raws).encode())
    assert [card.command for card in wrapped.cards] == [card.command for card in plain.cards]


def test_post_of_something_else_is_kept_in_quarantine_by_its_name(sqlite_repository: Repository) -> None:
    receipt = receive(sqlite_repository, "prod", b'{"level":"info","ts":1,"msg":"hello"}', NOW)
    assert (receipt.stored, receipt.quarantined) == (0, 1)
    assert feed.page(sqlite_repository, "", None, 10, NOW).events == []
