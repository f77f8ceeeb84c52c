"""The pages as a client without a browser sees them."""

from __future__ import annotations

import gzip
import hashlib
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from audit_webhook.services.json_tree import INDENTED_BYTES, MOST_NODES, indent, nodes_of
from audit_webhook.services.rows import moment_of, shown, write_age, write_duration
from tests.factories import NOON_US, audit_event, event_list

ROOT = Path(__file__).parent.parent
TEMPLATES = ROOT / "templates"
STATIC = ROOT / "audit_webhook" / "static"

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
    "large": "A" * 1_000_000,
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
    page = read(sqlite_client, "/?show=events")
    assert page.rows() == sorted(page.rows(), reverse=True) and len(page.rows()) == 3
    assert page.text.index("three") < page.text.index("two")


def test_pages_of_the_feed_hold_each_event_once(sqlite_client: FlaskClient) -> None:
    post(sqlite_client, *(audit_event(number) for number in range(120)))
    seen: list[str] = []
    path = "/"
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
    token = live_token(read(sqlite_client, "/"))
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
    page = read(sqlite_client, "/")
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
    newest, oldest = read(sqlite_client, "/?show=events").links("/events/")
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
    token = live_token(read(sqlite_client, "/"))
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
    for event in {link for link in read(sqlite_client, "/").links("/events/")}:
        assert "raw" in read(sqlite_client, event).text


def test_wide_body_is_cut_at_a_size_that_a_browser_likes() -> None:
    nodes = nodes_of({"items": [{"a": number} for number in range(100_000)]})
    assert len(nodes) < MOST_NODES + 10
    assert sum(node.kind == "open" for node in nodes) == sum(node.kind == "close" for node in nodes)
    assert any("left out" in node.text for node in nodes)


def test_managed_fields_are_folded() -> None:
    nodes = nodes_of({"metadata": {"managedFields": [{"manager": "kubectl"}]}})
    assert [node.is_open for node in nodes if node.key in ("metadata", "managedFields")] == [True, False]


@pytest.mark.parametrize("text", ['{"a":1e400,"a":[],"b":{"c":"x, {y}: \\"z\\""}}', "[1,2", '{"broken', "}}}]]", '"'])
def test_indenting_changes_nothing_but_white_space(text: str) -> None:
    assert re.sub(r"\s", "", indent(text)) == re.sub(r"\s", "", text)


def test_indenting_deep_json_stays_linear() -> None:
    assert len(indent("[" * (INDENTED_BYTES // 2) + "]" * (INDENTED_BYTES // 2))) < 100 * INDENTED_BYTES


def test_unseen_characters_are_written_out() -> None:
    assert shown("a\u202eb\x1b\n") == "a\\u202eb\\u001b\\u000a"
    assert shown("a\nb", kept="\n") == "a\nb" and shown("x" * 5000).startswith("x" * 2000 + "…")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "now"), (12, "12 s"), (200, "3 min"), (7300, "2 h"), (3 * 86_400, "3 d"), (-120, "in 2 min"), (9e6, "")],
)
def test_age_is_told_in_few_characters(seconds: float, text: str) -> None:
    assert write_age(int(seconds * 1_000_000)) == text


def test_old_moment_is_told_by_its_day() -> None:
    moment = moment_of(NOON_US, NOON_US + 90 * 86_400_000_000)
    assert (moment.relative, moment.iso) == ("2026-11-23", "2026-11-23T12:00:00.000000Z")
    assert moment.exact == "Mon 23 Nov 2026 12:00:00.000 UTC"


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [(400, "400 µs"), (3_600, "3.6 ms"), (48_000, "48 ms"), (1_234_000, "1.2 s"), (200_000_000, "3 min 20 s")],
)
def test_duration_is_told_in_the_unit_that_fits(microseconds: int, text: str) -> None:
    assert write_duration(microseconds) == text


def assets(page: Page) -> list[str]:
    return [
        value for tag, values in page.elements for name, value in values.items()
        if tag in ("script", "link") and name in ("src", "href")
    ]


def test_static_files_may_be_kept_for_good_and_change_their_address(sqlite_client: FlaskClient) -> None:
    for address in assets(read(sqlite_client, "/")):
        assert re.search(r"\?v=[0-9a-f]{12}$", address), address
        answer = sqlite_client.get(address, buffered=True)
        assert answer.status_code == 200 and "max-age=31536000" in answer.headers["Cache-Control"]


def test_first_view_is_small_over_the_wire(sqlite_client: FlaskClient) -> None:
    post(sqlite_client, *(audit_event(number) for number in range(60)))
    paths = ["/", *assets(read(sqlite_client, "/"))]
    sizes = [len(sqlite_client.get(path, headers={"Accept-Encoding": "gzip"}, buffered=True).data) for path in paths]
    assert sum(sizes) < 150_000


def test_compressed_page_is_the_same_page(sqlite_client: FlaskClient) -> None:
    plain = sqlite_client.get("/nowhere")
    packed = sqlite_client.get("/nowhere", headers={"Accept-Encoding": "gzip"}, buffered=True)
    assert packed.data == plain.data  # errors are left alone
    packed = sqlite_client.get(assets(read(sqlite_client, "/"))[0], headers={"Accept-Encoding": "gzip"}, buffered=True)
    assert "Accept-Encoding" in packed.headers["Vary"]
    style = next(path for path in assets(read(sqlite_client, "/")) if "app.css" in path)
    packed = sqlite_client.get(style, headers={"Accept-Encoding": "gzip"}, buffered=True)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == (STATIC / "app.css").read_bytes()
    unchanged = {"Accept-Encoding": "gzip", "If-None-Match": packed.headers["ETag"]}
    again = sqlite_client.get(style, headers=unchanged, buffered=True)
    assert again.status_code == 304


@pytest.mark.parametrize("template", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: path.name)
def test_template_holds_nothing_that_the_policy_or_a_scanner_forbids(template: Path) -> None:
    text = template.read_text()
    assert not re.search(r"\sstyle=|\son[a-z]+=|hx-on|hx-vals|javascript:|\|\s*safe\b|autoescape|x-html", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text) and "<style" not in text
    for name, value in re.findall(r"\s(x-[\w.:-]+|hx-[\w:-]+)=\"([^\"]*)\"", text):
        assert "{{" not in value or (name == "hx-get" and ("url_for(" in value or "address" in value)), name


def test_styles_are_built_from_the_templates_as_they_are() -> None:
    styles = (STATIC / "app.css").read_text()
    missing = {name for name in used_classes() if selector(name) not in styles} - UNSTYLED
    assert not missing, f"run tools/build-css: {sorted(missing)}"


UNSTYLED = {"needs-script", "from", "s", "n", "z"}


def used_classes() -> set[str]:
    """Give the classes that stand in templates as plain words; those that expressions make are left out."""
    texts = [path.read_text() for path in TEMPLATES.rglob("*.html")]
    values = [value for text in texts for value in re.findall(r'\sclass="((?:[^"{]|\{[{%].*?[}%]\})*)"', text)]
    words = {word for value in values for word in re.sub(r"\{[{%].*?[}%]\}", " ", value).split()}
    return {word for word in words if not word.endswith("-")}


def selector(name: str) -> str:
    return "." + re.sub(r"([^\w-])", r"\\\1", name)


@pytest.mark.parametrize("script", sorted(STATIC.glob("*.js")), ids=lambda path: path.name)
def test_script_is_short_and_says_what_it_is_for(script: Path) -> None:
    lines = script.read_text().splitlines()
    assert len(lines) < 150 and lines[0].startswith("// ")
    assert "innerHTML" not in script.read_text().replace('swap: "innerHTML"', "")


def test_libraries_are_those_that_are_recorded() -> None:
    for line in (STATIC / "vendor" / "VERSIONS").read_text().splitlines():
        name, digest = line.split()[0], line.rsplit("sha256:", 1)[1]
        assert hashlib.sha256((STATIC / "vendor" / name).read_bytes()).hexdigest() == digest
