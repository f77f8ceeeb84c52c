"""Both compilers of the query language choose the same events, for any query and any events, on both engines."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from audit_webhook import query
from audit_webhook.ingest.receive import receive
from audit_webhook.query.fields import FIELDS
from audit_webhook.search import feed, search
from audit_webhook.search.search import event_of
from audit_webhook.storage.repository import Raw, Repository
from audit_webhook.storage.search_sql import EVERYTHING, LAST
from tests.factories import NOON_US, audit_event, event_list

NOW = NOON_US + 3_600_000_000
MARKS = (
    "a", "A", "a ", " a", "ab", "b", "", "a%b", "a_b", "a*b", "a[b]", "a!b", 'a"b', "a\\b", "é", "日本", "a\nb", "<&>",
)
GLOBS = ("a*", "*b", "a_*", "a%*", "a*b", "*[b*", "a[b]*", "a!*", "a?*", "*", "**", "A*", "*é", "*_b", "*%b", "a\\*")
WORDS = st.sampled_from(MARKS)
CODES = st.sampled_from((0, 101, 200, 201, 404, 409, 500, 503))
PODS = {
    "hostNetwork": True, "serviceAccountName": "a", "volumes": [{"hostPath": {"path": "/etc"}}],
    "containers": [{"image": "a", "securityContext": {"privileged": True, "capabilities": {"add": ["SYS_ADMIN"]}}}],
}
_clusters = itertools.count(1)

events = st.builds(
    lambda second, **changes: audit_event(second, **changes),
    st.integers(-3, 3) | st.sampled_from((-200_000, -90_000, -7_200, -1_200)),
    verb=st.sampled_from(("get", "delete", "Odd")) | WORDS,
    level=st.sampled_from(("Metadata", "RequestResponse")),
    stage=st.sampled_from(("ResponseComplete", "ResponseStarted")),
    user=st.builds(
        lambda name, groups: {"username": name, "groups": groups},
        WORDS | st.sampled_from(("system:node:a", "system:serviceaccount:a:b", "system:anonymous")),
        st.lists(WORDS, max_size=3),
    ),
    impersonatedUser=st.builds(lambda name: {"username": name}, WORDS),
    sourceIPs=st.lists(st.sampled_from(("10.0.0.1", "::1")), max_size=2),
    userAgent=st.sampled_from(("kubectl/v1.36.2", "helm/3", "")) | WORDS,
    requestURI=st.sampled_from(("/api/a?fieldManager=a*b&dryRun=All", "/api/v1/pods", "/a_b")),
    auditID=WORDS,
    objectRef=st.builds(
        lambda resource, **names: {"resource": resource, **names},
        st.sampled_from(("pods", "deployments", "clusterroles", "a_b")), namespace=WORDS, name=WORDS, apiGroup=WORDS,
        subresource=st.sampled_from(("", "exec", "status")),
    ),
    responseStatus=st.builds(lambda code: {"code": code}, CODES),
    annotations=st.builds(
        lambda decision, truncated: {"authorization.k8s.io/decision": decision, "audit.k8s.io/truncated": truncated},
        st.sampled_from(("allow", "forbid", "")), st.sampled_from(("true", "false")),
    ),
    requestObject=st.sampled_from((
        {"spec": {"type": "NodePort"}}, {"spec": {"type": ["NodePort", 2]}}, None, "NodePort", [1],
        {"rules": [{"verbs": ["*"], "resources": ["secrets", "pods/exec"], "apiGroups": [""]}]},
        {"metadata": {"labels": {"app": "web"}}, "spec": PODS}, {"spec": {"template": {"spec": PODS}}},
    )),
    responseObject=st.builds(lambda text: {"data": {"key": text}}, WORDS),
)


def globs() -> st.SearchStrategy[str]:
    """Make patterns of plain characters and asterisks."""
    return st.sampled_from(GLOBS) | st.text(alphabet="ab*%_[]!é", min_size=1, max_size=4)


def values(field: Any) -> st.SearchStrategy[str]:
    """Make values that a field takes."""
    fixed = {
        "kind": st.sampled_from(("human", "system", "anonymous", "node", "serviceaccount")),
        "code": st.sampled_from(("0", "200", "404", ">=400", "<300", ">404", "<=200", "101..201", "4xx", "5*")),
        "flag": st.sampled_from(("true", "no")),
        "time": st.sampled_from(("1h", "2026-11-23T12:00:00Z", "2026-11-23T11:59:58Z..2026-11-23T12:00:02Z", "today")),
        "id": st.just("01M86HN0DK2MJCSF556HH97J2D"),
        "denied": st.sampled_from(("true", "no")),
        "fact": st.sampled_from(("true", "*", "a*", '""', "/etc", '"*"', "SYS_ADMIN", "host")),
        "member": st.sampled_from(("true", "*", '""', "2", "NodePort", "Node*", "web")),
        "grants": st.sampled_from(("*", "get", '"*:*"', "create:pods/exec", "*:secrets", "list:*")),
        "body": (WORDS.filter(bool).map(query.quote) | globs().filter(lambda text: text.strip("*") != "")),
    }
    return fixed.get(field.type, WORDS.map(query.quote) | globs())


terms = st.one_of(
    *(values(field).map(f"{field.example.partition(':')[0]}:{{}}".format) for field in FIELDS),
    WORDS.filter(lambda text: text.strip() != "").map(query.quote),
    st.sampled_from(("resource:pods/exec", "resource:deploy", "kind:(human or node)", "-kind:system", "ns:(a or b*)")),
)
queries = st.recursive(
    terms,
    lambda inner: st.one_of(
        inner.map("not ({})".format),
        st.tuples(inner, inner).map("({0[0]}) or ({0[1]})".format),
        st.tuples(inner, inner).map("({0[0]}) ({0[1]})".format),
    ),
    max_leaves=5,
)


@pytest.fixture(params=["as it is", "every means at once"])
def means(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Search as always, or so that even few chunks are found by postings and by windows."""
    if request.param != "as it is":
        for name, value in (("FIRST_GROUP", 1), ("UNTESTED", 0), ("TESTED", 0)):
            monkeypatch.setattr(search, name, value)


@settings(
    max_examples=20,
    deadline=None,
    phases=(Phase.reuse, Phase.generate),  # the query that differs is small already; shrinking would take minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(events, min_size=1, max_size=8), st.lists(queries, min_size=25, max_size=25))
def test_sql_and_predicate_choose_the_same_events(
    repository: Repository, means: None, batch: list[dict[str, Any]], texts: list[str]
) -> None:
    receive(repository, f"c{next(_clusters)}", event_list(batch), NOW)
    stored = [(event_of(raw), raw) for raw in everything(repository)]
    for text in texts:
        matches = query.compile_predicate(query.parse(text, NOW))
        chosen = {event.id for event, raw in stored if matches(event, raw.raw)}
        assert found(repository, text) == chosen, text


def everything(repository: Repository) -> list[Raw]:
    """Read the whole store."""
    return repository.read_chunks(repository.select_events(EVERYTHING, LAST, 10_000))


def found(repository: Repository, text: str) -> set[str]:
    """Give the ids of all that a search finds, in pages."""
    ids: list[str] = []
    cursor = None
    while True:
        page = feed.page(repository, text, cursor, 100, NOW)
        ids += [event.id for event in page.events]
        cursor = page.next
        if cursor is None:
            assert len(ids) == len(set(ids)) and ids == sorted(ids, reverse=True)
            return set(ids)
