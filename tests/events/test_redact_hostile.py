"""Secrets are masked however their JSON is written: escapes, case, blanks, repeated names, what parsers refuse."""

from __future__ import annotations

import json
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_webhook.events.decode import read_wire
from audit_webhook.events.json_scanner import enclosures, is_strict
from audit_webhook.events.redaction.body_masker import DEEPEST, SURVEYED_ANYHOW
from audit_webhook.events.redaction.redact import find_suspects, redact

MARKER: Final = b"aHVudGVyMi1odW50ZXIy"
# What a strict parser refuses, or reads in an unusual way, but a scanner steps over.
ODD: Final = (
    b"NaN", b"-Infinity", b"1e400", b'"\\ud800"', b'"\xff"', b'"\\u00e9\xc3\xa9"', b'"a\\"b"', b'"\\\\"', b"{}", b"[]",
    b"[{}]", b'""', b"null", b'{"a" : 1}', b'" {"', b'"\\n["', b'"\\u007b"', b'"Secret"', b"00",
)
NAMES: Final = (
    "data", "stringData", "metadata", "annotations", "kind", "type", "items", "rows", "object", "message", "status",
    "token", "value", "path", "from", "op", "spec", "template", "managedFields", "f:data", "code", "details", "",
    "kubectl.kubernetes.io/last-applied-configuration", "objectset.rio.cattle.io/applied", "\u017ftringData", "\xe9",
    "patch.webhook.admission.k8s.io/round_0_index_0", "apiVersion", "Secret", "\ufb05ringdata", "a b", "requestObject",
    "immutable",
)
TEXTS: Final = (
    "Secret", "SecretList", "Status", "TokenRequest", "", "x", "/data", "/data/a", "/metadata/labels/a", "copy", "add",
    '{"kind":"Secret","data":{"a":"b"}}', ' ["a"]', "cannot unmarshal !!", "bigger context", "\u212a", "/", "~1",
)
BLANKS: Final = st.sampled_from([b"", b"", b"", b"", b" ", b"\n\t", b"\r\n  "])


def named(name: str) -> st.SearchStrategy[bytes]:
    """Write a name as it is, in another case, or with one of its characters or all that are not ASCII escaped."""
    plain = json.dumps(name, ensure_ascii=False).encode()
    forms = [plain, plain, plain, json.dumps(name).encode(), plain.upper() if name.isascii() else plain]
    if name:
        forms.append(b'"' + f"\\u{ord(name[0]):04x}".encode() + json.dumps(name[1:], ensure_ascii=False).encode()[1:])
    return st.sampled_from(forms)


names = st.sampled_from(NAMES).flatmap(named)
texts = st.sampled_from(TEXTS).flatmap(lambda text: st.sampled_from(
    [json.dumps(text, ensure_ascii=False).encode(), json.dumps(text).encode().replace(b"/", b"\\/")]
))


@st.composite
def written_object(draw: st.DrawFn, inner: st.SearchStrategy[bytes]) -> bytes:
    """Write an object with names that may be repeated, and blanks between all its parts."""
    parts = draw(st.lists(st.tuples(names, inner), max_size=5))
    blank = draw(BLANKS)
    return b"{%b%b%b}" % (blank, (b"%b,%b" % (blank, blank)).join(
        key + blank + b":" + blank + value for key, value in parts
    ), blank)


def written_array(inner: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    parts = st.lists(inner, max_size=3)
    return st.builds(lambda parts, blank: b"[" + (blank + b",").join(parts) + blank + b"]", parts, BLANKS)


written = st.recursive(
    texts | st.sampled_from(ODD) | st.integers().map(lambda number: str(number).encode()),
    lambda inner: written_object(inner) | written_object(inner) | written_array(inner)
    | st.builds(lambda depth, value: b'{"a":' * depth + value + b"}" * depth, st.integers(1, DEEPEST), inner),
    max_leaves=14,
)


@st.composite
def event(draw: st.DrawFn) -> bytes:
    """Write an event with hostile values in the members that are looked into, in any order, some more than once."""
    known = ("requestObject", "responseObject", "responseStatus", "annotations", "objectRef", "level", "REQUESTOBJECT")
    parts = draw(st.lists(st.tuples(st.sampled_from(known).flatmap(named), written), min_size=1, max_size=5))
    blank = draw(BLANKS)
    return b"{" + b",".join([b'"auditID":"a"', *(key + blank + b":" + value for key, value in parts)]) + blank + b"}"


@settings(max_examples=500, deadline=None)
@given(named("data") | named("stringData"), names, written, st.sampled_from(["request", "response"]), BLANKS)
def test_data_is_masked_whatever_stands_beside_it_and_however_it_is_written(
    data: bytes, key: bytes, noise: bytes, member: str, blank: bytes
) -> None:
    for body in (
        b'{"kind":"Secret",%b:%b,%b:%b{%b"p":"%b"}}' % (key, noise, data, blank, blank, MARKER),
        b'{%b:{%b"p"%b:"%b"},%b:%b}' % (data, blank, blank, MARKER, key, noise),
        b'{"items":[%b,{%b:{"p":"%b"}%b}]}' % (noise, data, MARKER, blank),
        b'{"metadata":{"a":%b},%b:{"p":["%b"],"p":"%b"}}' % (noise, data, MARKER, MARKER),
    ):
        raw = b'{"level":"Request","annotations":{},"%bObject":%b}' % (member.encode(), body)
        assert MARKER not in redact(raw, "secrets", "")


@settings(max_examples=500, deadline=None)
@given(event(), st.sampled_from([("secrets", ""), ("tokenreviews", ""), ("oauthaccesstokens", ""), ("widgets", "")]))
def test_nothing_but_whole_values_is_replaced_and_once_is_enough(raw: bytes, about: tuple[str, str]) -> None:
    clean = redact(raw, *about)
    assert redact(clean, *about) == clean
    if raw != clean and b'"withheld"' not in clean:
        left = clean.replace(b'"*** withheld: it cannot be read, and may hold a secret"', b'"***"').split(b'"***"')
        position = 0
        for piece in left:
            position = raw.index(piece, position) + len(piece)


@settings(max_examples=500, deadline=None)
@given(written)
def test_what_a_strict_parser_takes_is_broken_at_no_level(value: bytes) -> None:
    if value[:1] in (b"{", b"[") and is_strict(value, 0, len(value)):
        enclosures(value, 0, len(value))


@pytest.mark.parametrize(
    "raw", [b"", b"{", b'{"a":}', b"[1,]", b"[1 2]", b"[}", b'{"a":NaN}', b'{"a":"\\q"}', b"[] []", b"[" * 9000]
)
def test_what_no_strict_parser_takes_is_not_taken_for_it(raw: bytes) -> None:
    assert not is_strict(raw, 0, len(raw))


def test_secret_is_found_at_every_level_that_is_looked_at() -> None:
    for depth in range(DEEPEST - 4):
        for value in (b"{}", b"NaN"):  # with the second one, no strict parser takes it
            way = b'{"b":%b,"a":' % value * depth
            body = way + b'{"kind":"Secret","data":{"p":"%b"}}' % MARKER + b"}" * depth
            clean = redact(b'{"requestObject":%b}' % body, "widgets", "")
            assert clean == b'{"requestObject":%b}' % body.replace(MARKER, b"***")


def test_value_whose_brackets_do_not_fit_is_withheld_at_every_level() -> None:
    for depth in range(SURVEYED_ANYHOW + 3):
        body = b'{"a":' * depth + b'{"b":{"x":[}]},"c":{"kind":"Secret","data":{"p":"%b"}}}' % MARKER + b"}" * depth
        clean = redact(b'{"requestObject":%b}' % body, "widgets", "")
        assert MARKER not in clean and b"withheld" in clean


RESOURCES: Final = (
    ("secrets", ""), ("pods", ""), ("serviceaccounts", "token"), ("tokenreviews", ""), ("x", "secrets"), ("", ""),
    ("oauthaccesstokens", ""), ("configmaps", ""),
)
URIS: Final = ("", "/api/v1/pods", "/x?token=abc", "/x?command=a&command=--password%3Dx", "/oauthaccesstokens/abc")


@settings(max_examples=2_000, deadline=None)
@given(event(), st.sampled_from(RESOURCES), st.sampled_from(URIS))
def test_event_that_the_quick_look_passes_has_nothing_to_mask(
    raw: bytes, about: tuple[str, str], uri: str
) -> None:
    resource, subresource = about
    suspects = find_suspects([b"{}", raw], ["", resource], ["", subresource], ["", uri])
    masked = redact(raw, resource, subresource, uri)
    assert masked is raw or suspects == [1]
    read_wire(masked)  # what was masked can be read: an event that cannot would cost its batch
