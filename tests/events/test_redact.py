"""Secrets are masked in every shape in which an event can hold them, and no other byte changes."""

from __future__ import annotations

import base64
import gzip
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_webhook.events.redaction.body_masker import DEEPEST
from audit_webhook.events.redaction.redact import may_tell_content, redact, redact_unreadable
from audit_webhook.events.split import split
from tests.factories import audit_event, encode

DATA = Path(__file__).parents[1] / "data"
PLAIN = "hunter2-hunter2"
MARKER = base64.b64encode(PLAIN.encode()).decode()
SECRET = {
    "kind": "Secret", "apiVersion": "v1", "type": "Opaque", "metadata": {"name": "db", "labels": {"app": "shop"}},
    "data": {"password": MARKER}, "stringData": {"user": PLAIN},
}
APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
COPIED = {"metadata": {"annotations": {APPLIED: json.dumps(SECRET), "team": "shop"}}}
TABLE = {"kind": "Table", "columnDefinitions": [{"name": "Data"}], "rows": [{"cells": ["db", 1], "object": SECRET}]}
STATUS = {"kind": "Status", "code": 400, "message": f"cannot unmarshal: error found in #10 byte of ...|{MARKER}|..."}

SECRET_BODIES: dict[str, tuple[str, Any]] = {
    "object sent": ("requestObject", SECRET),
    "object answered": ("responseObject", SECRET),
    "list answered": ("responseObject", {"kind": "SecretList", "items": [SECRET, SECRET]}),
    "table answered": ("responseObject", TABLE),
    "merge patch": ("requestObject", {"data": {"password": MARKER}}),
    "merge patch of texts": ("requestObject", {"stringData": {"password": PLAIN}}),
    "data that is no object": ("requestObject", {"data": PLAIN}),
    "data in another case": ("requestObject", {"kind": "Secret", "Data": {"p": MARKER}, "STRINGDATA": {"p": PLAIN}}),
    "copy in an annotation": ("requestObject", SECRET | COPIED),
    "copy in an annotation answered": ("responseObject", SECRET | COPIED),
    "operation on a value": ("requestObject", [{"op": "add", "path": "/data/password", "value": MARKER}]),
    "operation on all data": ("requestObject", [{"op": "replace", "path": "/data", "value": {"password": MARKER}}]),
    "operation on everything": ("requestObject", [{"op": "replace", "path": "", "value": SECRET}]),
    "operation with an escaped path": ("requestObject", [{"op": "add", "path": "/data/a~1b", "value": MARKER}]),
    "operation without a path": ("requestObject", [{"op": "add", "value": MARKER}]),
    "operation on an annotation": (
        "requestObject",
        [{"op": "add", "path": "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration",
          "value": json.dumps(SECRET)}],
    ),
    "text instead of an object": ("requestObject", PLAIN),
    "unknown member": ("requestObject", {"kind": "Secret", "surprise": PLAIN}),
    "message that quotes": ("responseObject", STATUS),
}
HOLDERS: dict[str, tuple[str, Any]] = {
    "list of everything": ("responseObject", {"kind": "List", "items": [{"kind": "ConfigMap", "data": {}}, SECRET]}),
    "template of a custom resource": ("requestObject", {"kind": "Sealed", "spec": {"template": SECRET}}),
    "copy of a custom resource": ("requestObject", {"kind": "Sealed"} | COPIED),
    "copy by another tool": (
        "requestObject",
        {"kind": "Addon", "metadata": {"annotations": {"objectset.rio.cattle.io/applied": json.dumps(SECRET)}}},
    ),
}


def event_with(member: str, body: Any, resource: str, subresource: str = "") -> bytes:
    """Make an event of RequestResponse level about a resource."""
    ref = {"resource": resource, "namespace": "shop", "name": "db", "subresource": subresource, "apiVersion": "v1"}
    return encode(audit_event(level="RequestResponse", verb="patch", objectRef=ref, **{member: body}))


def check_masked(clean: bytes) -> None:
    """No form of the secret may be left, and the rest must still be JSON."""
    assert PLAIN.encode() not in clean and MARKER.encode() not in clean
    json.loads(clean)


@pytest.mark.parametrize("name", SECRET_BODIES)
def test_body_of_a_secret_is_masked(name: str) -> None:
    member, body = SECRET_BODIES[name]
    check_masked(redact(event_with(member, body, "secrets"), "secrets", ""))


@pytest.mark.parametrize("name", HOLDERS)
def test_secret_in_another_object_is_masked(name: str) -> None:
    member, body = HOLDERS[name]
    check_masked(redact(event_with(member, body, "widgets"), "widgets", ""))


def test_data_that_an_operation_moves_is_masked_in_the_answer() -> None:
    patch = [{"op": "copy", "from": "/data/password", "path": "/metadata/labels/stolen"}]
    answer = {"kind": "Secret", "metadata": {"labels": {"stolen": MARKER}}, "data": {"password": MARKER}}
    raw = event_with("requestObject", patch, "secrets").replace(
        b'"requestObject"', b'"responseObject":%b,"requestObject"' % encode(answer)
    )
    check_masked(redact(raw, "secrets", ""))


@pytest.mark.parametrize(
    ("resource", "subresource", "member", "body"),
    [
        ("serviceaccounts", "token", "responseObject", {"kind": "TokenRequest", "status": {"token": PLAIN}}),
        ("tokenreviews", "", "requestObject", {"kind": "TokenReview", "spec": {"token": PLAIN}}),
        ("tokenreviews", "", "responseObject", {"kind": "TokenReview", "spec": {"Token": PLAIN}, "status": {}}),
    ],
)
def test_issued_and_reviewed_token_is_masked(resource: str, subresource: str, member: str, body: Any) -> None:
    check_masked(redact(event_with(member, body, resource, subresource), resource, subresource))


def test_patch_that_no_strict_parser_takes_is_masked() -> None:
    for body in (rb'{"data":{"a":1e400,"p":"%b","x":"\ud800"}}', b'{"data":{"p":"\xff%b"}}', b'{"data":{"p":"%b"'):
        raw = event_with("requestObject", "@", "secrets").replace(b'"@"', body % MARKER.encode())
        assert MARKER.encode() not in redact(raw, "secrets", "")


def test_name_with_escapes_is_the_name_that_it_means() -> None:
    raw = event_with("requestObject", "@", "secrets").replace(b'"@"', rb'{"d\u0061ta":{"p":"%b"}}' % MARKER.encode())
    check_masked(redact(raw, "secrets", ""))


def test_what_is_deeper_than_looked_at_is_withheld() -> None:
    body: Any = SECRET
    for _ in range(DEEPEST + 10):
        body = {"spec": body}
    check_masked(redact(event_with("requestObject", body, "widgets"), "widgets", ""))


def test_keys_stay_and_every_other_byte_too() -> None:
    raw = event_with("requestObject", SECRET, "secrets")
    expected = raw.replace(MARKER.encode(), b"***").replace(PLAIN.encode(), b"***")
    assert redact(raw, "secrets", "") == expected


def test_entry_that_is_taken_away_is_seen() -> None:
    raw = event_with("requestObject", {"data": {"password": None}}, "secrets")
    assert redact(raw, "secrets", "") == raw


def test_event_without_secrets_is_the_same_object() -> None:
    raw = event_with("requestObject", {"kind": "ConfigMap", "data": {"a": "b"}}, "configmaps")
    assert redact(raw, "configmaps", "") is raw


def test_quick_look_lets_nothing_of_a_secret_pass() -> None:
    metadata = encode(audit_event(objectRef={"resource": "secrets", "name": "a"}, responseStatus={"code": 200}))
    assert not may_tell_content(metadata)
    status = {"message": "it holds \"a\"", "code": 422}
    patches = {"patch.webhook.admission.k8s.io/round_0_index_0": "{}"}
    for told in ({"requestObject": {}}, {"responseObject": {}}, {"RESPONSEOBJECT": {}}, {"responseStatus": status},
                 {"annotations": patches}, {"responseStatus": {"data": {"a": "b"}}},
                 {"responseStatus": {"\u017ftringData": {"a": "b"}}}, {"responseStatus": {"mes\u017fage": "a"}}):
        assert may_tell_content(encode(audit_event(objectRef={"resource": "secrets"}) | told))
    assert may_tell_content(metadata.replace(b"}", b',"request\\u004fbject":{"data":{"a":"b"}}}'))


def test_redacting_again_changes_nothing() -> None:
    for member, body in SECRET_BODIES.values():
        clean = redact(event_with(member, body, "secrets"), "secrets", "")
        assert redact(clean, "secrets", "") == clean


def secrets_in(value: Any) -> Iterator[dict[str, Any]]:
    """Give every object of kind Secret in a decoded value."""
    if isinstance(value, dict):
        if value.get("kind") == "Secret":
            yield value
        for each in value.values():
            yield from secrets_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from secrets_in(each)


def test_no_recorded_secret_keeps_a_value() -> None:
    seen = 0
    for path in sorted((DATA / "webhook").glob("*.json.gz")):
        for raw in split(gzip.decompress(path.read_bytes())).items:
            target = json.loads(raw.decode("utf-8", "replace"), strict=False).get("objectRef") or {}
            clean = redact(raw, target.get("resource", ""), target.get("subresource", ""))
            if b'"Secret' not in clean:
                continue
            for secret in secrets_in(json.loads(clean, strict=False)):
                values = [*(secret.get("data") or {}).values(), *(secret.get("stringData") or {}).values()]
                assert set(values) <= {"***", None}
                seen += len(values)
    assert seen > 10


texts = st.text(max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(values, st.dictionaries(texts, st.just(MARKER), min_size=1, max_size=3), st.lists(texts, max_size=4))
def test_secret_is_masked_wherever_another_object_holds_it(noise: Any, entries: dict[str, str], way: list[str]) -> None:
    body: Any = {"metadata": noise, "kind": "Secret", "data": entries}
    for step in way:
        body = {step: body, f"{step}x": noise}
    check_masked(redact(event_with("responseObject", body, "widgets"), "widgets", ""))


@settings(max_examples=300, deadline=None)
@given(values)
def test_other_objects_are_left_alone(body: Any) -> None:
    raw = event_with("requestObject", body, "widgets")
    assert redact(raw, "widgets", "") == raw


def test_cost_grows_with_the_size_and_not_with_the_levels() -> None:
    def seconds(depth: int) -> float:
        body = b'{"a":' * depth + b'{"kind":"Secret","data":{"p":"x"}}' + b"}" * depth
        raw = event_with("requestObject", "@", "widgets").replace(b'"@"', body)
        start = time.process_time()
        redact(raw, "widgets", "")
        return time.process_time() - start

    seconds(1000)
    assert seconds(40_000) < 100 * max(seconds(4_000), 0.001)


@pytest.mark.parametrize("raw", [b"null", b"7", b"true", b"[]", b'{"a":1}', b'"text"'])
def test_harmless_leftover_keeps_its_bytes(raw: bytes) -> None:
    assert redact_unreadable(raw) == raw


@pytest.mark.parametrize(
    "raw", [b'{"kind":"Secret"', b'{"data":{"a":"b"}', b'word":"x"}', b'"token"', b'{"a":"bearer x"}', b'c2Vj"}]}']
)
def test_leftover_that_may_hold_a_secret_is_withheld(raw: bytes) -> None:
    assert json.loads(redact_unreadable(raw))["withheld"] == "***"
