"""Hostile events in a real browser, on each engine: every page that links lead to, and no script of theirs runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote, urljoin, urlsplit

import pytest
from playwright.sync_api import Browser, Page, Response, expect

from audit_webhook.app import CONTENT_SECURITY_POLICY
from tests.browser import Watcher
from tests.conftest import Server
from tests.factories import audit_event, event_list
from tests.kubectl.test_kubectl_words import percent
from tests.search.test_ui import PAYLOADS, hostile_event
from tests.serving import post

PAGES: Final = 40
FILES: Final = ("/raw", "/export", ".yaml", "/static/", "/openapi.json", "/metrics")
PER_KIND: Final = 6
MIXED: Final = "".join(PAYLOADS[name] for name in ("attribute", "closing", "script", "quote", "expression", "bidi"))
CONFIRMED: Final = "document.querySelectorAll('main script, main iframe, main object, main embed, main base').length"


def hostile_events(name: str) -> list[dict[str, Any]]:
    """Give an event with a payload in every field, and others that have a page: an exec, an object, an actor."""
    text = PAYLOADS[name][:400]
    words = "&".join(f"command={percent(word)}" for word in ("sh", "-c", text))
    reference = {"resource": "pods", "namespace": text, "name": text, "apiVersion": "v1"}
    reason = f'RBAC: allowed by RoleBinding "{text}/{text}" of ClusterRole "{text}" to User "{text}"'
    annotations = {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": reason}
    common = {"user": {"username": text}, "level": "RequestResponse", "annotations": annotations}
    body = {"kind": "Pod", "metadata": {"name": text, "namespace": text, "labels": {text: text}}, "spec": {text: []}}
    patch = [{"op": "add", "path": f"/{text}", "value": text}]
    return [
        hostile_event(PAYLOADS[name]),
        audit_event(
            2, verb="get", requestURI=f"/api/v1/namespaces/x/pods/y/exec?{words}", **common,
            objectRef={**reference, "subresource": "exec"},
        ),
        audit_event(3, verb="create", objectRef=reference, requestObject=body, responseObject=body, **common),
        audit_event(
            4, verb="patch", objectRef=reference, requestObject=patch, responseObject={**body, "spec": {text: [text]}},
            **common,
        ),
        audit_event(5, verb="delete", objectRef=reference, responseStatus={"code": 403, "message": text}, **common),
    ]


class Guarded:
    """A page that notes every dialog, complaint and answer without the policy."""

    def __init__(self, page: Page) -> None:
        """Watch from now on."""
        self.page = page
        self.watcher = Watcher(page)
        self.faults: list[str] = []
        page.on("dialog", self._note_dialog)
        page.on("response", self._check)
        page.add_init_script("window.alert = text => { document.title = 'RAN'; throw new Error('RAN ' + text) }")

    def _note_dialog(self, dialog: Any) -> None:
        self.faults.append(f"dialog on {self.page.url}")
        dialog.dismiss()

    def _check(self, response: Response) -> None:
        if response.headers.get("content-security-policy") != CONTENT_SECURITY_POLICY or response.status >= 500:
            self.faults.append(f"{response.status} {response.url}")

    def open(self, address: str) -> None:
        """Open a page, with everything in it that can be unfolded."""
        self.page.goto(address, wait_until="load")
        self.page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        self.check()

    def check(self) -> None:
        """Nothing ran, nothing complained, and no element came out of an event."""
        assert (self.faults, self.watcher.complaints) == ([], []), self.page.url
        assert self.page.title() != "RAN" and self.page.evaluate(CONFIRMED) == 0, self.page.url


@pytest.fixture
def guarded(browser: Browser) -> Iterator[Guarded]:
    """A guarded page in a fresh profile."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, bypass_csp=False)
    yield Guarded(context.new_page())
    context.close()


def kind_of(address: str) -> str:
    """Give what a page is of: the first part of its path, and whether it is a search."""
    parts = urlsplit(address)
    return "/".join(parts.path.split("/")[:2]) + ("?" if parts.query else "")


def walk(guarded: Guarded, server: Server, begin: list[str]) -> set[str]:
    """Open pages and what their links lead to, some of each kind; give the kinds."""
    waiting, seen = [f"{server.url}{path}" for path in begin], dict[str, int]()
    known = set(waiting)
    opened = 0
    while waiting and opened < PAGES:
        address = waiting.pop(0)
        guarded.open(address)
        opened += 1
        links: list[str] = guarded.page.evaluate("[...document.links].map(each => each.getAttribute('href'))")
        for link in links:
            following = urljoin(address, link)
            is_page = following.startswith(server.url) and not any(part in following for part in FILES)
            kind = kind_of(following)
            if is_page and following not in known and seen.get(kind, 0) < PER_KIND:
                known.add(following)
                seen[kind] = seen.get(kind, 0) + 1
                waiting.append(following)
    return {kind_of(address) for address in known}


def test_script_that_ran_would_be_noticed(served: Server, guarded: Guarded) -> None:
    guarded.open(served.url)
    guarded.page.evaluate("setTimeout(() => alert(1))")
    guarded.page.wait_for_function("document.title === 'RAN'")
    with pytest.raises(AssertionError):
        guarded.check()


def test_no_payload_runs_on_any_page_that_links_lead_to(served: Server, guarded: Guarded) -> None:
    for name in PAYLOADS:
        assert post(served.url, event_list(hostile_events(name))).status == 200
    kinds = walk(guarded, served, ["/", "/?q=&show=events", "/actors", "/clusters", "/permissions", "/setup"])
    assert {"/events", "/objects", "/actors", "/clusters"} <= kinds


def test_no_payload_runs_in_what_is_asked_for_or_in_an_error(served: Server, guarded: Guarded) -> None:
    assert post(served.url, event_list(hostile_events("attribute"))).status == 200
    for text in (MIXED, PAYLOADS["address"]):
        word = quote(text, safe="")
        for path in (
            f"/?q={word}", f"/?q=user:{word}", f"/?q=body:%22{word}%22", f"/?q=nosuch:{word}", f"/events/{word}",
            f"/nowhere/{word}", f"/clusters/{word}", f"/actors/prod/{word}", f"/objects/prod/core/pods/{word}/{word}",
            f"/permissions?cluster={word}", f"/setup?cluster={word}&address={word}", f"/?q=&cursor={word}",
        ):
            guarded.open(served.url + path)


def test_no_payload_runs_while_the_page_is_used(served: Server, guarded: Guarded) -> None:
    page = guarded.page
    assert post(served.url, event_list(hostile_events("script"))).status == 200
    guarded.open(f"{served.url}/?q=&show=events")
    page.get_by_role("button", name="Live").click()
    expect(page.locator("#live-state")).to_have_text("Following")
    before = page.locator(".row").count()
    assert before > 0
    assert post(served.url, event_list([*hostile_events("attribute"), *hostile_events("closing")])).status == 200
    expect(page.locator(".row")).to_have_count(before + 10, timeout=8_000)
    guarded.check()
    for number in range(0, before + 10, 3):
        page.locator(".row").nth(number).click()
        page.wait_for_timeout(150)
        guarded.check()
    page.keyboard.press("Escape")
    page.locator("#q").fill("")
    page.locator("#q").press_sequentially("user:")
    page.wait_for_timeout(600)
    guarded.check()


def test_files_are_never_pages_of_the_browser(served: Server, guarded: Guarded) -> None:
    assert post(served.url, event_list(hostile_events("script"))).status == 200
    events = guarded.page.request.get(f"{served.url}/api/v1/events").json()["events"]
    export = "/api/v1/export?format=csv"
    for path in (f"/events/{events[0]['id']}/raw", "/api/v1/export", export, "/setup/policy.yaml?cluster=a"):
        answer = guarded.page.request.get(served.url + path)
        assert answer.status == 200 and answer.headers["x-content-type-options"] == "nosniff"
        assert "html" not in answer.headers["content-type"], path
        assert answer.headers["content-disposition"].startswith("attachment"), path
    cells = guarded.page.request.get(served.url + export).text().split('","')
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
