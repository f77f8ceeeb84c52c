"""A row holds of a request's URI what its other columns do not say, and no search can tell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_webhook.storage.chunks.uri_column import expand, shorten, shorten_all, without_marks
from tests.recorded import BATCHES, recorded

WORDS = ["", "a", "pods", "shop", "web-1", "apis", "namespaces", "/", "apps", "v1", "\1", "\3", "é", "\x7f", "%s"]
texts = st.lists(st.sampled_from(WORDS), max_size=4).map("".join) | st.text(max_size=8)


@given(texts, texts, texts, texts, st.lists(texts | st.sampled_from(WORDS), max_size=8))
def test_shortened_uri_is_read_again_as_it_was(
    group: str, namespace: str, resource: str, name: str, parts: list[str]
) -> None:
    uri = "".join(f"/{part}" for part in parts)
    columns = (group, namespace, resource, name)
    short = shorten(uri, *columns)
    assert expand(short, *columns) == without_marks(uri) and len(short.encode()) <= len(uri.encode())


@given(st.lists(st.tuples(texts, texts, texts, texts, texts), min_size=1, max_size=5))
def test_uris_of_a_batch_are_shortened_as_each_of_them_alone(rows: list[tuple[str, str, str, str, str]]) -> None:
    assert shorten_all(*zip(*rows, strict=True)) == [shorten(*row) for row in rows]


@pytest.mark.parametrize(("uri", "columns", "short"), [
    ("/apis/apps/v1/namespaces/shop/daemonsets/web?a=5", ("apps", "shop", "daemonsets", "web"), "\4/v1\1\2\3?a=5"),
    ("/api/v1/namespaces/shop/pods", ("", "shop", "pods", ""), "/api/v1\1\2"),
    ("/api/v1/namespaces/shop/pods?dryRun=All", ("", "shop", "pods", "web-7x"), "/api/v1\1\2?dryRun=All"),
    ("/api/v1/namespaces/shop", ("", "shop", "namespaces", "shop"), "/api/v1\2\3"),
    ("/api/v1/nodes/one/proxy/logs/", ("", "", "nodes", "one"), "/api/v1\2\3/proxy/logs/"),
    ("/healthz", ("", "", "", ""), "/healthz"),
])
def test_what_the_columns_say_is_not_said_again(uri: str, columns: tuple[str, str, str, str], short: str) -> None:
    assert shorten(uri, *columns) == short and expand(short, *columns) == uri


def test_recorded_uris_take_half_of_the_room() -> None:
    whole = kept = 0
    for path in BATCHES:
        for event in recorded(path):
            columns = (event.api_group, event.namespace, event.resource, event.name)
            short = shorten(event.request_uri, *columns)
            assert expand(short, *columns) == event.request_uri
            whole, kept = whole + len(event.request_uri), kept + len(short)
    assert kept < whole / 2
