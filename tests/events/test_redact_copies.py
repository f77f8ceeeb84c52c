"""No copy of a Secret and no answer about one keeps a value, however it is written, packed or quoted."""

from __future__ import annotations

import base64
import bz2
import gzip
import hashlib
import json
import lzma
import re
import time
import zlib
from collections.abc import Callable
from typing import Any, Final

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from audit_webhook.events.redaction.redact import find_suspects, redact, redact_unreadable
from audit_webhook.events.redaction.secret_copies import PLAIN_WORD, may_be_object, may_hold_copy
from audit_webhook.events.redaction.settings import make_redaction
from audit_webhook.ingest.receive import read_batch
from tests.factories import audit_event, encode, event_list

PLAIN: Final = "hunter2-MARKER-zq9"
VALUE: Final = base64.b64encode(PLAIN.encode()).decode()
SECRET: Final = {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "b"}, "data": {"password": VALUE}}
YAML: Final = f"apiVersion: v1\nkind: Secret\ndata:\n  password: {VALUE}\n"
REF: Final = {"resource": "secrets", "namespace": "a", "name": "b", "apiVersion": "v1"}
FORMS: Final[dict[str, str]] = {
    "JSON": json.dumps(SECRET), "YAML": YAML, "YAML, lines of Windows": YAML.replace("\n", "\r\n"),
    "YAML, old lines": YAML.replace("\n", "\r"), "YAML behind a comment": f"# copy\n---\n{YAML}",
    "YAML list": f"- data:\n    password: {VALUE}\n", "YAML, quoted keys": f'"stringData" :\n  "password": {PLAIN}\n',
    "JSON behind a byte order mark": "\ufeff" + json.dumps(SECRET), "YAML behind a byte order mark": "\ufeff" + YAML,
    "JSON in JSON": json.dumps(json.dumps(SECRET)), "JSON in JSON in JSON": json.dumps(json.dumps(json.dumps(SECRET))),
    "YAML in JSON": json.dumps(YAML), "JSON in base64": base64.b64encode(json.dumps(SECRET).encode()).decode(),
    "YAML in base64": base64.b64encode(YAML.encode()).decode(), "JSON in hex": json.dumps(SECRET).encode().hex(),
    "blanks before JSON": " \n\t" + json.dumps(SECRET),
}
PACKERS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "gzip": gzip.compress, "zlib": zlib.compress, "zlib, fast": lambda content: zlib.compress(content, 1),
    "zstd": zstandard.compress, "bzip2": bz2.compress, "xz": lzma.compress,
}
PACKED: Final = {
    f"{name}, {code.__name__}": code(pack(json.dumps({"data": {"p": VALUE}}).encode())).decode()
    for name, pack in PACKERS.items() for code in (base64.b64encode, base64.urlsafe_b64encode, base64.encodebytes)
}
PLACES: Final[dict[str, Callable[[str], dict[str, Any]]]] = {
    "sent": lambda text: {"requestObject": annotated(text)},
    "answered": lambda text: {"responseObject": annotated(text)},
    "in a list": lambda text: {"responseObject": {"kind": "SecretList", "items": [annotated(text)]}},
    "in a table": lambda text: {"responseObject": {"kind": "Table", "rows": [{"object": annotated(text)}]}},
    "merge patch": lambda text: {"requestObject": {"metadata": {"annotations": {"x/y": text}}}},
    "JSON patch": lambda text: {"requestObject": [{"op": "add", "path": "/metadata/annotations/x~1y", "value": text}]},
    "JSON patch of all": lambda text: {
        "requestObject": [{"op": "add", "path": "/metadata/annotations", "value": {"x/y": text}}]
    },
}


def annotated(text: str) -> dict[str, Any]:
    return {**SECRET, "metadata": {"name": "b", "annotations": {"x/y": text}}}


def stored(event: dict[str, Any]) -> bytes:
    """Return all that is kept of an event."""
    batch = read_batch("prod", event_list([event]), 1)
    kept = b"".join(entry.raw for entry in batch.events.values())
    return kept + b"".join(item.content for item in batch.quarantined)


def about_secret(**members: Any) -> bytes:
    return stored(audit_event(level="RequestResponse", verb="create", objectRef=REF, **members))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("form", [*FORMS, *PACKED])
def test_copy_of_a_secret_in_an_annotation_is_masked(form: str, place: str) -> None:
    text = {**FORMS, **PACKED}[form]
    kept = about_secret(**PLACES[place](text))
    written = json.dumps(text)[1:-1].encode()
    assert written[:40] not in kept and VALUE.encode() not in kept and PLAIN.encode() not in kept, kept
    assert b"x/y" in kept or b"x~1y" in kept


@pytest.mark.parametrize("name", ["banzaicloud.com/last-applied", "kubectl.kubernetes.io/last-applied-configuration"])
def test_what_was_applied_last_is_masked_whatever_it_is(name: str) -> None:
    for text in ("password: hunter2", "hunter2", YAML):
        body = {**SECRET, "metadata": {"annotations": {name: text, "team": "shop"}}}
        assert b"hunter2" not in (kept := about_secret(requestObject=body)) and b"shop" in kept


ORDINARY: Final = {
    "team": "shop", "cert-manager.io/alt-names": "a.example,b.example", "checksum/config": "0f" * 32,
    "kubernetes.io/service-account.uid": "3f0b6c1d-e2a9-4f17-9d5e-0123456789ab", "note": "kept: by hand, see data",
    "url": "https://example.com/a/b?c=d", "empty": "", "cert-manager.io/issuer-kind": "ClusterIssuer", "n": "17",
}


def test_ordinary_annotations_of_a_secret_stay() -> None:
    kept = about_secret(requestObject={**SECRET, "metadata": {"name": "b", "annotations": ORDINARY}})
    for name, text in ORDINARY.items():
        assert json.dumps({name: text})[1:-1].replace('": "', '":"').encode() in kept, name


@pytest.mark.parametrize("form", ["JSON", "YAML", "YAML in JSON", "JSON behind a byte order mark", "JSON in JSON"])
@pytest.mark.parametrize("key", ["kubectl.kubernetes.io/last-applied-configuration", "x/y"])
def test_copy_of_a_secret_in_another_object_is_masked(form: str, key: str) -> None:
    body = {"kind": "Sealed", "metadata": {"annotations": {key: FORMS[form]}}}
    ref = {"resource": "sealedsecrets", "name": "b", "namespace": "a"}
    assert VALUE.encode() not in stored(audit_event(level="Request", objectRef=ref, requestObject=body))


@pytest.mark.parametrize("line", [
    "kind: 'Secret'", 'kind: "Secret"', "kind:  Secret", "kind:\tSecret", "'kind': 'Secret'", "kind : Secret",
    "kind: !!str Secret", "kind: &a Secret", "kind: |-\n  Secret", "kind: >\n  Secret", "kind:\n  Secret",
    "? kind\n: Secret", "kind: 'SecretList'", "kind: Secret # copy",
])
def test_copy_in_yaml_is_masked_however_its_kind_is_written(line: str) -> None:
    body = {"kind": "ConfigMap", "data": {"x": YAML.replace("kind: Secret", line)}}
    ref = {"resource": "configmaps", "name": "b", "namespace": "a"}
    assert VALUE.encode() not in stored(audit_event(level="Request", objectRef=ref, requestObject=body))


def test_texts_that_only_speak_of_secrets_stay() -> None:
    texts = ["kind: Secret", 'an object of kind "Secret" holds data: see there', "Secret: none", '"Secret']
    for text in texts:
        raw = encode(audit_event(level="Request", requestObject={"kind": "ConfigMap", "data": {"a": text}}))
        assert redact(raw, "configmaps", "") is raw, text


MESSAGES: Final = (
    f'admission webhook "x" denied the request: data.password must not be "{PLAIN}"',
    f"admission webhook \"x\" denied the request: data.password must not be {PLAIN}",
    f'Secret "b" is invalid: data[password]: Invalid value: "{PLAIN}": too short',
    f'Secret "b" is invalid: [a: Unsupported value: "{PLAIN}": supported values: "x", c: Duplicate value: "{VALUE}"]',
    f"ValidatingAdmissionPolicy 'p' with binding 'b' denied request: {PLAIN}", PLAIN,
    f'secrets "b" is forbidden: {PLAIN}', f'Secret in version "v1" cannot be handled: illegal base64 data: {PLAIN}',
)
KNOWN: Final = (
    'secrets "db" not found', 'secrets "db" already exists', 'namespaces "a" not found',
    'secrets "db" is forbidden: User "system:serviceaccount:a:b" cannot get resource "secrets" in API group "" in the '
    'namespace "a"',
    'secrets is forbidden: User "eve" cannot list resource "secrets" in API group "" at the cluster scope',
    'Operation cannot be fulfilled on secrets "db": the object has been modified; please apply your changes to the '
    "latest version and try again",
    'secrets "x" is forbidden: exceeded quota: q, requested: secrets=1, used: secrets=1, limited: secrets=1',
    "Unauthorized", "context canceled", "too old resource version: 1 (2)", "etcdserver: request timed out",
)


@pytest.mark.parametrize("message", MESSAGES)
@pytest.mark.parametrize("member", ["responseStatus", "responseObject"])
def test_answer_that_quotes_a_value_of_a_secret_keeps_its_beginning_alone(member: str, message: str) -> None:
    status = {"kind": "Status", "code": 422, "message": message, "reason": "Invalid", "details": {
        "causes": [{"reason": "FieldValueInvalid", "message": message, "field": "data[password]"}],
    }}
    kept = about_secret(**{member: status})
    assert PLAIN.encode() not in kept and VALUE.encode() not in kept
    assert b"FieldValueInvalid" in kept and b"data[password]" in kept
    for beginning in ('admission webhook \\"x\\" denied the request: ***', 'Secret \\"b\\" is invalid: ***'):
        assert (beginning.encode() in kept) == message.startswith(beginning[:-5].replace("\\", ""))


@pytest.mark.parametrize("message", KNOWN)
def test_answer_that_quotes_nothing_stays(message: str) -> None:
    kept = about_secret(responseStatus={"code": 404, "message": message})
    assert json.dumps(message).encode() in kept


def test_policy_s_refusal_in_an_annotation_is_masked() -> None:
    for name in ("validation.policy.admission.k8s.io/validation_failure", "patch.webhook.admission.k8s.io/round_0"):
        assert PLAIN.encode() not in about_secret(annotations={name: json.dumps([{"message": PLAIN}])})


@pytest.mark.parametrize(("resource", "subresource"), [("tokenreviews", ""), ("serviceaccounts", "token")])
def test_error_of_a_token_s_review_is_masked(resource: str, subresource: str) -> None:
    message = f"error found in #10 byte of ...|{PLAIN}|..., bigger context ...|{PLAIN}|..."
    for members in (
        {"responseStatus": {"code": 400, "message": message}},
        {"responseObject": {"kind": "Status", "code": 400, "message": message}},
        {"responseObject": {"kind": "TokenReview", "status": {"error": f"[invalid bearer token, {PLAIN}]"}}},
        {"requestObject": {"kind": "TokenReview", "spec": {"token": PLAIN}}},
    ):
        ref = {"resource": resource, "subresource": subresource, "name": "x"}
        assert PLAIN.encode() not in stored(audit_event(level="RequestResponse", objectRef=ref, **members))


def test_withheld_piece_keeps_a_keyed_hash_alone() -> None:
    for raw in (b'{"data":{"p":"hunter2"', b"x" * 999 + b"password: hunter2"):
        one, other = (make_redaction(key * 40).withheld_key for key in "ab")
        notes = [json.loads(redact_unreadable(raw, None, key)) for key in (one, one, other)]
        assert notes[0] == notes[1] != notes[2] and notes[0]["length"] == len(raw)
        assert hashlib.sha256(raw).hexdigest() not in json.dumps(notes)


HOSTILE: Final = {
    "base64": "QUFB" * 250_000, "brackets": "[" * 1_000_000, "quotes": '"' * 1_000_000, "escapes": '\\"' * 500_000,
    "lines": "\n" * 1_000_000, "keys": "data:" * 200_000, "key lines": "- - - \n" * 150_000, "blanks": " " * 1_000_000,
    "quoted": 'is invalid: "' * 80_000, "hex": "7b" * 500_000, "kind": "kind: Secret\n" * 80_000,
    "dashes": "-" * 1_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_work_grows_with_the_length_alone(name: str) -> None:
    def seconds(text: str) -> float:
        raw = encode(audit_event(level="Request", objectRef=REF, responseStatus={"message": text}, requestObject={
            "kind": "Secret", "metadata": {"annotations": {"x/y": text}},
        }))
        begin = time.process_time()
        assert find_suspects([raw], ["secrets"], [""], ["/"]) == [0]
        redact(raw, "secrets", "")
        redact(raw, "configmaps", "")
        return time.process_time() - begin

    text = HOSTILE[name]
    assert seconds(text) < 0.05 + 8 * max(seconds(text[:len(text) // 4]), 0.01)


PIECES: Final = st.lists(st.sampled_from([
    "a", "Z", "k", "K", "0", "9", "-", "+", "/", "_", "=", ".", ":", " ", "\\n", "\\r", '\\"', "\\\\", "\ufeff",
    "\u017f", "\u212a",
    "applied", "LAST-APPLIED", "kind:", "metadata", "H4sI", "e0", "x" * 23, "Y7" * 12,
]), max_size=9).map("".join)


@given(PIECES)
def test_quick_look_finds_whatever_may_hold_a_copy(text: str) -> None:
    hint = re.compile(rb'\\[nr"]|applied|\xef\xbb\xbf|[A-Za-z0-9+/_]{24}', re.IGNORECASE)
    assert may_hold_copy(text.encode()) == (hint.search(text.encode()) is not None)


@given(PIECES)
def test_word_that_needs_no_look_is_no_object(text: str) -> None:
    if PLAIN_WORD.fullmatch(f'"{text}"'.encode()):
        assert not may_be_object(text)
