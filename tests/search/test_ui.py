"""The pages as a client without a browser sees them."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.factories import audit_event, event_list

PAYLOADS = {
    "script": "<script>alert(1)</script>",
    "attribute": "\"><img src=x onerror=alert(1)>",
    "quote": "' autofocus onfocus=alert(1) x='",
    "expression": "{{7*7}}${7*7}",
    "address": "javascript:alert(1)",
    "closing": "</script></title></textarea></template><svg onload=alert(1)>",
    "bidi": "abc\u202etxt.exe\u2066",
    "unseen": "a\u200bb\ufeffc",
    "control": "a\x00b\x1b[31mc",
    "large": "A" * 500_000,
}


class Page(HTMLParser):
    """The elements of a page with their attributes, and its text; what a template holds is not part of the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self._templates = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._templates += tag == "template"
        if not self._templates:
            self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        self._templates -= tag == "template"

    def handle_data(self, data: str) -> None:
        self.text += data

    def links(self, text: str = "") -> list[str]:
        return [values["href"] for tag, values in self.elements if tag == "a" and text in values.get("href", "")]

    def rows(self) -> list[str]:
        return [values["data-id"] for _, values in self.elements if "data-id" in values]


def post(client: FlaskClient, *events: dict[str, Any], cluster: str = "prod") -> None:
    assert client.post(f"/webhook/audit/{cluster}", data=event_list(events)).status_code == 200


def read(client: FlaskClient, path: str, status: int = 200, **headers: str) -> Page:
    answer = client.get(path, headers=headers)
    assert answer.status_code == status
    return Page(answer.get_data(as_text=True))


def first_event(client: FlaskClient, query: str = "") -> str:
    return read(client, f"/?q={query}").links("/events/")[0]


def test_feed_shows_the_newest_event_first(sqlite_client: FlaskClient) -> None:
    for name in ("one", "two", "three"):
        ref = {"resource": "pods", "namespace": "shop", "name": name}
        post(sqlite_client, audit_event(10 * len(name), objectRef=ref))
    page = read(sqlite_client, "/?q=&show=events")
    assert page.rows() == sorted(page.rows(), reverse=True) and len(page.rows()) == 3
    assert page.text.index("three") < page.text.index("two")


def test_pages_of_the_feed_hold_each_event_once(sqlite_client: FlaskClient) -> None:
    post(sqlite_client, *(audit_event(number) for number in range(120)))
    seen: list[str] = []
    path = "/?q="
    while path:
        page = read(sqlite_client, path)
        seen += page.rows()
        path = next((link for link in page.links("cursor=")), "")
    assert len(seen) == len(set(seen)) == 120 and seen == sorted(seen, reverse=True)


def test_script_gets_the_fragment_and_history_the_page(sqlite_client: FlaskClient) -> None:
    post(sqlite_client, audit_event())
    event = first_event(sqlite_client)
    for path in ("/", event):
        whole = sqlite_client.get(path)
        fragment = sqlite_client.get(path, headers={"HX-Request": "true"})
        restored = sqlite_client.get(path, headers={"HX-Request": "true", "HX-History-Restore-Request": "true"})
        assert b"<html" in whole.data and b"<html" in restored.data and b"<html" not in fragment.data
        assert all("HX-Request" in answer.headers["Vary"] for answer in (whole, fragment, restored))


def test_live_news_hold_each_event_once(sqlite_client: FlaskClient) -> None:
    post(sqlite_client, audit_event(1))
    token = live_token(read(sqlite_client, "/?q="))
    post(sqlite_client, audit_event(2), audit_event(-500))
    news = read(sqlite_client, f"/feed/live?q=&show=events&after={token}")
    assert len(news.rows()) == 2
    assert read(sqlite_client, f"/feed/live?q=&show=events&after={live_token(news)}").rows() == []


def live_token(page: Page) -> str:
    return next(values["data-live"] for _, values in page.elements if "data-live" in values)


def test_unknown_live_token_is_refused(sqlite_client: FlaskClient) -> None:
    assert sqlite_client.get("/feed/live?q=&after=nonsense").status_code == 400


def test_mistake_in_the_query_is_marked_at_its_place(sqlite_client: FlaskClient) -> None:
    answer = sqlite_client.get("/", query_string={"q": "verb:delete user:("})
    assert answer.status_code == 400
    text = unescape(answer.get_data(as_text=True))
    assert 'value="verb:delete user:("' in text and "<mark>" in text and "^" in text and "Expected" in text


def test_pickers_change_one_term_of_the_query(sqlite_client: FlaskClient) -> None:
    post(sqlite_client, audit_event())
    post(sqlite_client, audit_event(), cluster="staging")
    page = read(sqlite_client, "/?q=user:alice+cluster:prod")
    queries = [link for link in page.links("?q=") if "user" in link]
    assert any("staging" in link and "prod" not in link for link in queries)
    assert any("since" in link and "prod" in link for link in queries)
    assert any("kind" in link and "prod" in link for link in queries)
    assert "/?q=user:alice" in queries


def test_empty_store_explains_itself(sqlite_client: FlaskClient) -> None:
    page = read(sqlite_client, "/?q=")
    assert "No cluster has sent anything yet" in page.text and page.links("/setup")
    assert ("form", {"id": "demo", "action": "/demo", "method": "post"}) in page.elements


def test_query_without_matches_says_what_to_loosen(sqlite_client: FlaskClient) -> None:
    post(sqlite_client, audit_event())
    page = read(sqlite_client, "/?q=user:nobody+verb:get")
    assert "Nothing matches" in page.text and "Leave out user:nobody" in page.text
    assert page.links("/?q=verb:get") == ["/?q=verb:get"]


def test_event_page_tells_who_what_when_and_from_where(sqlite_client: FlaskClient) -> None:
    extra = {"authentication.kubernetes.io/credential-id": ["X509SHA256=7f3a"]}
    user = {"username": "alice", "uid": "u-1", "groups": ["dev-team"], "extra": extra}
    post(sqlite_client, audit_event(
        level="RequestResponse", verb="patch", user=user, impersonatedUser={"username": "root"},
        sourceIPs=["203.0.113.9", "10.20.4.17"],
        requestObject={"spec": {"replicas": 5}}, responseObject={"kind": "Pod"},
        responseStatus={"code": 409, "reason": "Conflict", "message": "the object has been modified"},
        annotations={
            "authorization.k8s.io/decision": "allow",
            "authorization.k8s.io/reason":
                'RBAC: allowed by RoleBinding "admins/payments" of ClusterRole "admin" to User "alice"',
            "apiserver.latency.k8s.io/total": "1.5s", "apiserver.latency.k8s.io/etcd": "700ms", "own/key": "own value",
        },
    ))
    page = read(sqlite_client, first_event(sqlite_client))
    for expected in (
        "X509SHA256=7f3a", "dev-team", "root", "203.0.113.9", "unproven", "10.20.4.17", "Conflict",
        "the object has been modified", "replicas", "own value", "700ms", "admins", "23 Nov 2026 12:00:00.000 UTC",
        "4.0 ms", "kubectl/v1.36.2",
    ):
        assert expected in page.text, expected
    assert any("user:alice" in link.replace("%3A", ":") for link in page.links("?q="))


def test_stages_of_a_request_link_to_each_other(sqlite_client: FlaskClient) -> None:
    started = audit_event(1, stage="ResponseStarted", verb="watch")
    ended = {**started, "stage": "ResponseComplete", "stageTimestamp": "2026-11-23T12:05:00.000000Z"}
    post(sqlite_client, started, ended)
    newest, oldest = read(sqlite_client, "/?q=&show=events").links("/events/")
    for shown_stage, other in ((newest, oldest), (oldest, newest)):
        page = read(sqlite_client, shown_stage)
        assert "Stages of this request" in page.text and page.links(other) == [other]


def test_raw_download_is_what_was_sent(sqlite_client: FlaskClient) -> None:
    raw = b'{"level":"Metadata","stage":"ResponseComplete","auditID":"a","verb":"get","requestURI":"/x",' \
        b'"stageTimestamp":"2026-11-23T12:00:00.000000Z","user":{},"odd":[1e2,  1.0, "\\u00e9"]}'
    assert sqlite_client.post("/webhook/audit/prod", data=event_list([raw])).status_code == 200
    answer = sqlite_client.get(first_event(sqlite_client) + "/raw")
    assert answer.data == raw and answer.headers["Content-Disposition"].startswith("attachment; filename=")


@pytest.mark.parametrize("path", ["/events/nothing", "/events/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/events/%00", "/nowhere"])
def test_what_is_not_there_is_answered_with_a_page(sqlite_client: FlaskClient, path: str) -> None:
    page = read(sqlite_client, path, 404)
    assert "404" in page.text and page.links("/")


def hostile_event(payload: str) -> dict[str, Any]:
    """Give an event with the payload in every field that a client can write."""
    text = payload.replace("\x00", "\\u0000") if "\x00" in payload else payload
    return audit_event(
        level="RequestResponse", verb="patch", userAgent=text, auditID=text, requestURI=f"/api/{text}",
        user={"username": text, "uid": text, "groups": [text], "extra": {text: [text]}},
        impersonatedUser={"username": text}, sourceIPs=[text, text],
        objectRef={"resource": text, "namespace": text, "name": text, "subresource": text, "apiGroup": text},
        responseStatus={"code": 404, "reason": text, "message": text},
        annotations={text: text, "authorization.k8s.io/reason": text, "apiserver.latency.k8s.io/total": text},
        requestObject={text: text, "metadata": {"name": text, "managedFields": [{text: text}]}, "list": [text]},
        responseObject=[text],
    )


@pytest.mark.parametrize("name", PAYLOADS)
def test_hostile_values_are_only_ever_text(sqlite_client: FlaskClient, name: str) -> None:
    token = live_token(read(sqlite_client, "/?q="))
    post(sqlite_client, hostile_event(PAYLOADS[name]))
    event = first_event(sqlite_client)
    for path in ("/", f"/feed/live?q=&after={token}", event):
        for headers in ({}, {"HX-Request": "true"}):
            answer = sqlite_client.get(path, headers=headers)
            assert answer.status_code == 200 and len(answer.data) < 3_000_000
            check_harmless(answer.get_data(as_text=True))


def check_harmless(text: str) -> None:
    """No element, attribute, address or unseen character of a payload may survive as such."""
    for tag, values in Page(text).elements:
        assert tag not in ("img", "iframe", "object", "embed", "base")
        assert tag != "script" or values.get("src", "").startswith("/static/")
        for name, value in values.items():
            assert not name.startswith("on") and name != "style"
            assert not value.strip().lower().startswith("javascript:") or name in ("title", "aria-label")
            if name.startswith(("x-", "hx-")):
                assert "alert" not in value and "7*7" not in value
    assert not re.search("[\x00\x1b\u200b\u202e\u2066\ufeff]", text)


def test_deep_body_is_shown_as_far_as_it_goes(sqlite_client: FlaskClient) -> None:
    for depth in (100, 900, 20_000):
        raw = audit_event(depth, level="Request", verb="patch")
        body = event_list([raw]).replace(b'"level":"Request"', b'"requestObject":' + b'[' * depth + b']' * depth
                                         + b',"level":"Request"')
        assert sqlite_client.post("/webhook/audit/prod", data=body).status_code == 200
    for event in {link for link in read(sqlite_client, "/?q=").links("/events/")}:
        assert "raw" in read(sqlite_client, event).text
