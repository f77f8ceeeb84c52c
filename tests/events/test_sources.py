"""Whatever an audit event is wrapped in, its own bytes are found; what is none is named, and nothing is passed over."""

from __future__ import annotations

import base64
import gzip
import json
import random
from collections.abc import Callable
from time import process_time
from typing import Any, Final

import pytest

from audit_webhook.events.decode import read_wire, to_event
from audit_webhook.events.sources.rewritten import restore
from audit_webhook.events.sources.unwrap import unwrap, unwrap_text
from audit_webhook.events.sources.unwrapped import Event, Found, Other, Unreadable
from audit_webhook.events.split import split
from audit_webhook.ingest.parts import PART_BYTES
from audit_webhook.ingest.receive import receive
from audit_webhook.search import feed
from audit_webhook.search.explain import explain
from audit_webhook.storage.repository import Repository
from tests.factories import NOON_US, event_list
from tests.recorded import BATCHES

NOW: Final = NOON_US + 3_600_000_000
PREFIX: Final = b'{"kind":"Event","apiVersion":"audit.k8s.io/v1",'
Wrap = Callable[[str], str]


def recorded(count: int = 40) -> list[bytes]:
    """Return recorded events as a kube-apiserver writes them into its log."""
    raws = [raw for path in BATCHES[:3] for raw in split(gzip.decompress(path.read_bytes())).items]
    return [PREFIX + raw[1:] for raw in raws[:count]]


def firehose(text: str) -> str:
    document = {"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "/aws/eks/prod/cluster",
                "logStream": "kube-apiserver-audit-1", "logEvents": [{"id": "1", "timestamp": 1, "message": text}]}
    return json.dumps(document)


WRAPS: Final[dict[str, Wrap]] = {
    "plain": lambda text: text,
    "CRI": lambda text: f"2026-11-20T10:00:00.123456789Z stdout F {text}",
    "docker": lambda text: json.dumps({"log": text + "\n", "stream": "stdout", "time": "2026-11-20T10:00:00Z"}),
    "journald": lambda text: f"2026-11-20T10:00:00+0000 master-0 kube-apiserver[123]: {text}",
    "journald JSON": lambda text: json.dumps({"__CURSOR": "s=1", "_HOSTNAME": "master-0", "MESSAGE": text}),
    "syslog 3164": lambda text: f"<133>Oct 21 10:15:03 master-0 k8s-audit: {text}",
    "syslog 5424": lambda text: f"<14>1 2026-11-20T10:00:00.1Z master-0 kube-apiserver 12 audit - {text}",
    "syslog 5424 with data": lambda text: f'<14>1 2026-11-20T10:00:00Z host app 12 ID [a@1 b="c"] {text}',
    "oc adm node-logs": lambda text: f"ip-10-0-140-97.ec2.internal {text}",
    "aws logs tail": lambda text: f"2023-05-20T05:26:57.511000+00:00 kube-apiserver-audit-0a1b {text}",
    "logcli": lambda text: json.dumps({"labels": {"job": "audit"}, "line": text, "timestamp": "2026-11-20T10:00:00Z"}),
    "Loki": lambda text: json.dumps({"stream": {"job": "audit"}, "values": [["1700000000000000000", text]]}),
    "Fluent Bit": lambda text: json.dumps({"log": text, "kubernetes": {"pod_name": "kube-apiserver"}, "time": "x"}),
    "Fluent Bit array": lambda text: json.dumps([{"date": 1.0, "log": text}]),
    "Splunk": lambda text: json.dumps({"preview": False, "result": {"_raw": text, "_time": "1"}}),
    "Elasticsearch": lambda text: json.dumps({"_index": "audit", "_source": {"message": text, "@timestamp": "x"}}),
    "event.original": lambda text: json.dumps({"_source": {"event": {"original": text}}}),
    "EKS filter-log-events": lambda text: json.dumps({"events": [{"logStreamName": "a", "message": text}]}),
    "EKS NDJSON": lambda text: json.dumps({"message": text, "timestamp": 1}),
    "EKS Insights": lambda text: json.dumps({"results": [[{"field": "@message", "value": text}]]}),
    "EKS subscription": firehose,
    "EKS subscriptions in a row": lambda text: '{"messageType":"CONTROL_MESSAGE","logEvents":[]}' + firehose(text),
    "Lambda": lambda text: json.dumps({
        "awslogs": {"data": base64.b64encode(gzip.compress(firehose(text).encode())).decode()},
    }),
    "AKS": lambda text: json.dumps({"category": "kube-audit", "properties": {"log": text + "\n", "pod": "x"}}),
    "AKS records": lambda text: "\ufeff" + json.dumps({"records": [{"category": "kube-audit-admin",
                                                                   "properties": {"log": text}}]}),
    "kubectl logs --prefix": lambda text: f"[pod/kube-apiserver-master-0/kube-apiserver] {text}",
    "OVH": lambda text: f"app-1>> {json.dumps({'message': text})}",
}


def found_in(text: bytes) -> list[Found]:
    """Return everything that is found in a text of several lines."""
    return list(unwrap_text(text))


@pytest.mark.parametrize("name", sorted(WRAPS))
def test_wrapped_event_keeps_its_bytes(name: str) -> None:
    raws = recorded()
    text = "\n".join(WRAPS[name](raw.decode()) for raw in raws).encode()
    assert [found.raw for found in found_in(text) if isinstance(found, Event)] == raws
    assert not [found for found in found_in(text) if isinstance(found, Unreadable)]


@pytest.mark.parametrize("name", ["CRI", "docker", "journald JSON", "EKS filter-log-events", "AKS records", "Loki"])
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


def test_pieces_are_joined_in_time_linear_in_their_number() -> None:
    def seconds(count: int) -> float:
        text = b"2026-11-20T10:00:00Z stdout P x\n" * count
        began = process_time()
        assert len(list(unwrap_text(text))) == 1
        return process_time() - began

    small = min(seconds(3_000) for _ in range(3))
    assert min(seconds(24_000) for _ in range(3)) < 20 * small


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


def test_members_that_a_collector_added_at_the_end_are_taken_off() -> None:
    for raw in recorded():
        added = raw[:-1] + b',"kubernetes":{"pod_name":"kube-apiserver"}}'
        (found,) = unwrap(added)
        original, restored = json.loads(raw), json.loads(found.raw) if isinstance(found, Event) else {}
        assert restored == {name: value for name, value in original.items() if name not in ("kind", "apiVersion")}


def test_event_that_was_cut_keeps_who_what_and_when() -> None:
    for raw in recorded():
        event = to_event(read_wire(raw), raw, "prod")
        cut = raw[:raw.index(b'"objectRef"') + 200] + b"[Truncated...]" if b'"objectRef"' in raw else b""
        for found in unwrap(cut):
            assert isinstance(found, Event) and found.is_cut
            saved = to_event(read_wire(found.raw), found.raw, "prod")
            assert (saved.user, saved.verb, saved.request_uri, saved.audit_id) == (
                event.user, event.verb, event.request_uri, event.audit_id,
            )
            assert saved.truncated


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


def test_item_that_is_too_large_to_look_into_is_kept_in_quarantine(sqlite_repository: Repository) -> None:
    (raw,) = recorded(1)
    text = json.dumps({"padding": "x" * PART_BYTES, "message": raw.decode()}).encode()
    receipt = receive(sqlite_repository, "prod", text, NOW)
    assert (receipt.stored, receipt.quarantined) == (0, 1)


def test_post_of_something_else_is_kept_in_quarantine_by_its_name(sqlite_repository: Repository) -> None:
    receipt = receive(sqlite_repository, "prod", b'{"level":"info","ts":1,"msg":"hello"}', NOW)
    assert (receipt.stored, receipt.quarantined) == (0, 1)
    assert feed.page(sqlite_repository, "", None, 10, NOW).events == []


def test_no_mutation_costs_a_neighbour_or_a_traceback() -> None:
    numbers = random.Random(18)
    raws = recorded(6)
    for _ in range(400):
        wrap = WRAPS[numbers.choice(sorted(WRAPS))]
        broken = bytearray(wrap(raws[0].decode()).encode())
        for _ in range(numbers.randint(1, 4)):
            place = numbers.randrange(len(broken))
            if numbers.random() < 0.5:
                broken[place] = numbers.choice(b'{}[]":,\\ \x00\xffa0')
            else:
                del broken[place:place + numbers.randint(1, 60)]
        text = b"\n".join([raws[1], bytes(broken).replace(b"\n", b" "), *raws[2:]])
        found = [each.raw for each in found_in(text) if isinstance(each, Event)]
        assert [raw for raw in raws[1:] if raw not in found] == []


def test_packed_document_is_unpacked_only_as_far_as_its_length_allows() -> None:
    def packed(content: bytes) -> bytes:
        return json.dumps({"awslogs": {"data": base64.b64encode(gzip.compress(content)).decode()}}).encode()

    (raw,) = recorded(1)
    assert [each.raw for each in unwrap(packed(raw)) if isinstance(each, Event)] == [raw]
    bomb, nested = packed(b" " * 5_000_000 + raw), packed(packed(raw))
    for text in (bomb, nested, b"[" + nested + b"]"):
        assert not [each for each in unwrap(text) if isinstance(each, Event)]


def test_each_shape_is_unwrapped_in_time_linear_in_its_length() -> None:
    def seconds(size: int) -> float:
        texts = (b"[" * size, b"{\"a\":" * (size // 5), b'{"log":"' + b"\\\"" * (size // 2), b"a " * (size // 2),
                 b"<1>" + b"1 " * (size // 2), b'{"level":"' + b"x" * size, b"{" + b'"verb":"a",' * (size // 11))
        began = process_time()
        for text in texts:
            list(unwrap(text))
        return process_time() - began

    small = min(seconds(50_000) for _ in range(3))
    assert min(seconds(400_000) for _ in range(3)) < 40 * max(small, 0.002)
