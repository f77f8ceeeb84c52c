"""An event is read whatever its client put into it, and bounded for the row."""

from __future__ import annotations

import json

import pytest

from audit_webhook.events.decode import read_wire, to_event
from audit_webhook.events.event import LIMITS, Event
from audit_webhook.events.lenient_json import Undecodable
from audit_webhook.events.limits import cut
from tests.factories import NOON_US, audit_event, encode


def decoded(raw: bytes) -> Event:
    return to_event(read_wire(raw), raw, "prod")


def read(**changes: object) -> Event:
    return decoded(encode(audit_event(**changes)))


def test_fields_of_an_event_are_read() -> None:
    event = read()
    assert (event.user, event.verb, event.resource, event.namespace, event.name) == (
        "alice", "get", "pods", "shop", "web-0",
    )
    assert (event.code, event.decision, event.client, event.command, event.kind) == (
        200, "allow", "kubectl", "get", "human",
    )
    assert (event.time, event.duration, event.source_ip) == (NOON_US, 4_000, "10.20.4.17")


def test_last_source_address_is_the_one_that_counts() -> None:
    assert read(sourceIPs=["1.2.3.4", "5.6.7.8"]).source_ip == "5.6.7.8"


def test_empty_event_is_an_event() -> None:
    event = decoded(b"{}")
    assert (event.user, event.kind, event.code, event.verb) == ("", "anonymous", None, "")


@pytest.mark.parametrize("bad", [b'"\\ud800"', b"1e400", b'"\xff"', b"[" * 5_000 + b"]" * 5_000, b"NaN", b'"\x00"'])
def test_hostile_body_does_not_hide_the_event(bad: bytes) -> None:
    raw = encode(audit_event(requestObject="@")).replace(b'"@"', bad)
    event = decoded(raw)
    assert (event.user, event.name, event.time) == ("alice", "web-0", NOON_US)


@pytest.mark.parametrize(
    "field", ["verb", "user", "objectRef", "sourceIPs", "annotations", "responseStatus", "stageTimestamp", "auditID"]
)
@pytest.mark.parametrize("value", [None, 7, "text", [1, "a", None], {"a": {"b": 1}}, True, 1.5])
def test_wrong_type_in_a_field_counts_as_absent(field: str, value: object) -> None:
    event = read(**{field: value})
    assert event.level == "Metadata" and event.stage == "ResponseComplete"


def test_lone_surrogate_in_a_name_becomes_a_replacement_character() -> None:
    raw = encode(audit_event()).replace(b'"web-0"', b'"web-\\ud800"')
    assert decoded(raw).name == "web-\ufffd"


def test_nul_in_a_name_becomes_a_replacement_character() -> None:
    assert read(objectRef={"resource": "pods", "name": "a\0b"}).name == "a\ufffdb"


@pytest.mark.parametrize(
    ("field", "path"),
    [("audit_id", "auditID"), ("request_uri", "requestURI"), ("user_agent", "userAgent"), ("verb", "verb")],
)
def test_over_long_value_is_cut_and_marked(field: str, path: str) -> None:
    event = read(**{path: "é" * 100_000})
    assert len(getattr(event, field).encode()) <= LIMITS[field]
    assert event.cut


def test_five_thousand_groups_are_cut_to_whole_ones() -> None:
    event = read(user={"username": "alice", "groups": [f"group-{number}" for number in range(5_000)]})
    assert event.cut
    assert event.user_groups[:2] == ("group-0", "group-1")
    assert len("\n".join(event.user_groups).encode()) <= LIMITS["user_groups"]


def test_usual_event_is_not_marked_as_cut() -> None:
    assert not read().cut


def test_short_unicode_is_kept() -> None:
    event = read(user={"username": "oidc:maria.garcía@example.com"})
    assert (event.user, event.cut) == ("oidc:maria.garcía@example.com", False)


@pytest.mark.parametrize("limit", range(40, 52))
def test_cut_never_splits_a_character(limit: int) -> None:
    whole = "a€é😀b" * 10
    text = cut(whole, limit)
    assert len(text.encode()) == limit and whole.startswith(text[:-32].rstrip("~"))


@pytest.mark.parametrize("field", sorted(set(LIMITS) - {"user_groups"}))
def test_texts_that_differ_beyond_the_limit_stay_apart(field: str) -> None:
    limit = LIMITS[field]
    long = ["x" * length + end for length in range(limit - 3, limit + 3) for end in ("", "y", "z", "yy")]
    kept = {text: cut(text, limit) for text in long}
    assert len(set(kept.values())) == len(set(long))
    assert {len(text) for text in kept.values()} <= set(range(limit + 1))
    again = [cut(text, limit) for text in kept.values() if text not in kept]
    assert not set(again) & set(kept.values())


def test_manager_and_dry_run_come_from_the_uri() -> None:
    event = read(requestURI="/api/v1/namespaces/shop/pods?dryRun=All&fieldManager=kubectl-create")
    assert (event.manager, event.dry_run, event.command) == ("kubectl-create", True, "create")


def test_dry_run_of_a_delete_is_in_its_body() -> None:
    event = read(verb="delete", requestObject={"kind": "DeleteOptions", "dryRun": ["All"]})
    assert event.dry_run


def test_name_that_the_apiserver_chose_is_taken_from_the_response() -> None:
    event = read(
        verb="create",
        objectRef={"resource": "pods", "namespace": "shop"},
        requestObject={"metadata": {"generateName": "web-"}},
        responseObject={"metadata": {"name": "web-x7k2p"}},
    )
    assert event.name == "web-x7k2p"


def test_impersonated_user_stands_beside_the_real_one() -> None:
    event = read(impersonatedUser={"username": "bob"})
    assert (event.user, event.impersonated_user) == ("alice", "bob")


@pytest.mark.parametrize("raw", [b"null", b"[]", b'"text"', b"7", b"", b"{", b'{"a":'])
def test_what_is_no_object_is_undecodable(raw: bytes) -> None:
    with pytest.raises(Undecodable):
        read_wire(raw)


@pytest.mark.parametrize(
    ("user", "kind"),
    [
        ("alice", "human"), ("system:admin", "human"), ("", "anonymous"), ("system:anonymous", "anonymous"),
        ("system:serviceaccount:a:b", "serviceaccount"), ("system:node:n1", "node"),
        ("system:kube-scheduler", "controlplane"), ("system:apiserver", "controlplane"),
    ],
)
def test_kind_of_actor_follows_from_the_name(user: str, kind: str) -> None:
    assert read(user={"username": user}, userAgent="kubelet/v1.36.2").kind == kind


def test_unknown_fields_and_stages_are_kept_as_they_are() -> None:
    event = decoded(json.dumps(audit_event(stage="Dreaming", newField={"a": 1})).encode())
    assert event.stage == "Dreaming"
