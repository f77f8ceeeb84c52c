"""What each route needs: the list comes from the application, so that a new route cannot be forgotten."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from audit_webhook.access.authentication import SESSION_IDLE
from audit_webhook.access.gate import NEEDS, need_of
from audit_webhook.access.whole_scope import EVERYTHING, WHOLE_CLUSTERS
from audit_webhook.app import create_app
from audit_webhook.config import Config
from audit_webhook.context import AppContext, context_of
from audit_webhook.storage.scope import EVERYWHERE, Scope
from audit_webhook.web.redirects import own_address
from tests.factories import audit_event, event_list
from tests.readers import FORM, add_user, form_token, log_in, logged_in

TOKEN: Final = "t0ken"
MARK: Final = "hidden-marker"
SENDER: Final = {"Authorization": f"Bearer {TOKEN}"}
OPEN: Final = {"public", "sender"}
ARGUMENTS: Final = {
    "name": "webhook.yaml", "filename": "app.css", "cluster": "prod", "group": "core", "resource": "pods",
    "namespace": "bank", "step": "newer", "sink": "hook",
}
"""A value for each argument of a route; that of an event's route is a stored event."""


@pytest.fixture
def production(engine: Config, tmp_path: Path) -> Iterator[Flask]:
    """An application as it starts first in production, with events of two clusters and nobody who may read."""
    app = create_app(
        replace(engine, environment="production", webhook_token=TOKEN, ui_users_file=str(tmp_path / "users"))
    )
    for cluster, namespace in (("prod", "shop"), ("prod", "bank"), ("staging", "shop"), ("staging", "")):
        place = f"{MARK}-{cluster}-{namespace or 'none'}"
        ref = {"resource": "pods", "name": place, **({"namespace": namespace} if namespace else {})}
        body = event_list([audit_event(
            level="Request", verb="create", user={"username": place}, requestURI=f"/api/{place}", objectRef=ref,
            requestObject={"note": place}, annotations={"note": place}, auditID="one-for-all",
        )])
        assert app.test_client().post(f"/webhook/audit/{cluster}", data=body, headers=SENDER).status_code == 200
    yield app
    app.extensions["workers"].stop()
    context_of(app).repository.close()


def rules(app: Flask) -> list[Rule]:
    return [rule for rule in app.url_map.iter_rules() if need_of(rule.endpoint) not in OPEN]


def ids(app: Flask) -> list[str]:
    """Give the ids of all events, as somebody who may see everything."""
    events = logged_in(app, "everyone").get("/api/v1/events").get_json()["events"]
    assert len(events) == 4
    return [event["id"] for event in events]


def ask(client: FlaskClient, app: Flask, rule: Rule, identifiers: list[str]) -> Iterator[TestResponse]:
    """Ask a route with each of its methods, once for each event when it is about one."""
    for identifier in identifiers if "identifier" in rule.arguments else identifiers[:1]:
        known = {"identifier": identifier, **ARGUMENTS}
        if rule.endpoint == "clusters.show_cluster":
            known["name"] = "staging"
        values = {name: known[name] for name in rule.arguments}
        with app.test_request_context():
            path = app.url_for(rule.endpoint, **values)
        for method in sorted((rule.methods or set()) - {"OPTIONS"}):
            data = {"id": "0", "label": "x", "days": "30"} if method == "POST" else None
            yield client.open(path, method=method, data=data, headers=FORM)


def test_every_route_says_what_it_needs_and_nothing_else_does(sqlite_app: Flask) -> None:
    assert {rule.endpoint for rule in sqlite_app.url_map.iter_rules()} == NEEDS.keys()


def test_route_without_a_rule_is_for_administrators_alone() -> None:
    assert need_of("somewhere.new") == "admin"


@pytest.mark.parametrize("who", ["nobody", "expired", "logged out", "removed", "forged"])
def test_no_route_gives_anything_without_a_session(
    production: Flask, who: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    identifiers = ids(production)
    client = logged_in(production, "alice")
    if who == "nobody":
        client = production.test_client()
    elif who == "expired":
        parts = context_of(production)
        late: AppContext = replace(parts, clock=lambda: parts.clock() + SESSION_IDLE + 1)
        monkeypatch.setitem(production.extensions, "audit_webhook", late)
    elif who == "logged out":
        client.post("/logout", headers=FORM, data={"form_token": form_token(client)})
        client.set_cookie("session", "x" * 43)
    elif who == "removed":
        users = context_of(production).readers.users
        users.write(user for user in users.users().values() if user.name != "alice")
    else:
        client = production.test_client()
        client.set_cookie("session", "0" * 43)
        client.set_cookie("__Host-session", "0" * 43)
    for rule in rules(production):
        for answer in ask(client, production, rule, identifiers):
            assert answer.status_code in (303, 401), (rule.rule, answer.status_code)
            told = answer.data.replace(b"%2Fclusters%2Fstaging", b"")  # where the login is to lead back to
            assert MARK.encode() not in told and b"staging" not in told


SCOPES: Final = {
    "one cluster": (Scope(frozenset({"prod"}), None), {"prod-shop", "prod-bank"}),
    "one namespace": (Scope(None, frozenset({"shop"})), {"prod-shop", "staging-shop"}),
    "both": (Scope(frozenset({"prod"}), frozenset({"shop"})), {"prod-shop"}),
    "elsewhere": (Scope(frozenset({"other"}), None), set[str]()),
}
PLACES: Final = {"prod-shop", "prod-bank", "staging-shop", "staging-none"}
EXACT: Final = ("/api/v1/events", "/api/v1/commands", "/api/v1/export", "/")
QUERIES: Final = (
    "", "verb:create", "user:hidden-marker-*", "name:hidden-marker-prod-bank", "audit:one-for-all", "hidden",
    "body:hidden-marker", "-kind:system", "cluster:staging", "(cluster:staging or cluster:prod)", "usergroup:*",
)


@pytest.mark.parametrize("name", SCOPES)
def test_no_route_shows_a_reader_more_than_his_scope(production: Flask, name: str) -> None:
    scope, visible = SCOPES[name]
    identifiers = ids(production)
    client = logged_in(production, "bob", "viewer", scope)
    for rule in rules(production):
        if rule.endpoint == "access.log_out":
            continue
        for answer in ask(client, production, rule, identifiers):
            assert answer.status_code < 500
            for hidden in PLACES - visible:
                assert f"{MARK}-{hidden}".encode() not in answer.data, rule.rule
    allowed = {identifier for identifier in identifiers if client.get(f"/events/{identifier}").status_code == 200}
    assert len(allowed) == len(visible)


@pytest.mark.parametrize("name", SCOPES)
def test_no_query_finds_more_than_the_reader_s_scope(production: Flask, name: str) -> None:
    scope, visible = SCOPES[name]
    client = logged_in(production, "bob", "viewer", scope)
    everyone = logged_in(production, "everyone")
    for query in QUERIES:
        for path in (*EXACT, "/feed/picture", "/api/v1/facets"):
            seen = client.get(path, query_string={"q": query}).get_data(as_text=True).replace(query, "")
            whole = everyone.get(path, query_string={"q": query}).get_data(as_text=True).replace(query, "")
            for place in PLACES:
                mark = f"{MARK}-{place}"
                assert (mark in seen) <= (place in visible), (query, path, place)
                if path in EXACT:
                    assert (mark in seen) == (mark in whole and place in visible), (query, path, place)


def test_live_mode_and_stages_show_no_more_than_the_scope(production: Flask) -> None:
    client = logged_in(production, "bob", "viewer", SCOPES["both"][0])
    page = client.get("/").get_data(as_text=True)
    token = page.split('data-live="')[1].split('"')[0]
    for cluster in ("prod", "staging"):
        for namespace in ("shop", "bank"):
            place = f"news-{cluster}-{namespace}"
            ref = {"resource": "pods", "name": place, "namespace": namespace}
            body = event_list([audit_event(objectRef=ref, auditID="one-for-all")])
            production.test_client().post(f"/webhook/audit/{cluster}", data=body, headers=SENDER)
    news = client.get("/feed/live", query_string={"q": "", "after": token}).get_data(as_text=True)
    assert "news-prod-shop" in news
    assert not [place for place in ("news-prod-bank", "news-staging-shop", "news-staging-bank") if place in news]


@pytest.mark.parametrize("name", SCOPES)
def test_counts_are_those_of_the_reader_s_scope(production: Flask, name: str) -> None:
    scope, visible = SCOPES[name]
    client = logged_in(production, "bob", "viewer", scope)
    for query in ("", "verb:create", "name:hidden-marker-*"):
        facets = client.get("/api/v1/facets", query_string={"q": query}).get_json()
        assert facets["total"] == len(visible), (query, facets)
    clusters = {place.partition("-")[0] for place in visible}
    for cluster in ("prod", "staging"):
        may_see = scope.has_cluster(cluster)
        status = 403 if scope.namespaces is not None else 200 if may_see else 404
        assert client.get(f"/clusters/{cluster}").status_code == status
        assert may_see or cluster not in clusters


@pytest.mark.parametrize("name", SCOPES)
def test_pages_of_objects_and_actors_hold_only_what_the_reader_may_see(production: Flask, name: str) -> None:
    scope, visible = SCOPES[name]
    identifiers = ids(production)
    client = logged_in(production, "bob", "viewer", scope)
    actors = client.get("/actors?cluster=prod").get_data(as_text=True)
    sees_all = scope.has_cluster("prod") and scope.namespaces is None
    assert (MARK in actors) == sees_all
    for namespace in ("shop", "bank"):
        place = f"{MARK}-prod-{namespace}"
        for path in (f"/objects/prod/core/pods/{namespace}/{place}", f"/actors/prod/{place}"):
            page = client.get(path).get_data(as_text=True)
            is_linked = any(f"/events/{identifier}" in page for identifier in identifiers)
            may_see = f"prod-{namespace}" in visible and (sees_all or path.startswith("/objects"))
            assert is_linked == may_see, path


def test_viewer_opens_no_page_of_administrators(production: Flask) -> None:
    client = logged_in(production, "bob", "viewer")
    identifiers = ids(production)
    admin = [rule for rule in rules(production) if need_of(rule.endpoint) == "admin"]
    assert {"access.show_readers", "access.revoke_session"} <= {rule.endpoint for rule in admin}
    for rule in admin:
        assert {answer.status_code for answer in ask(client, production, rule, identifiers)} == {403}


CROSS: Final[tuple[dict[str, str], ...]] = (
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://localhost.evil.example"}, {},
)


def test_no_route_that_changes_something_takes_another_site_s_form(production: Flask) -> None:
    client = logged_in(production)
    token = form_token(client)
    changing = [
        rule for rule in production.url_map.iter_rules()
        if (rule.methods or set()) - {"GET", "HEAD", "OPTIONS"} and need_of(rule.endpoint) != "sender"
    ]
    assert len(changing) >= 6
    for rule in changing:
        for headers in CROSS:
            assert client.post(rule.rule, headers=headers, data={"form_token": token}).status_code == 403, rule.rule
        if rule.endpoint != "access.log_in":
            for given in ("", "0" * 64, "\u00e9"):
                assert client.post(rule.rule, headers=FORM, data={"form_token": given}).status_code == 403, rule.rule
    assert client.get("/account").status_code == 200


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("/events/1?q=a", "/events/1?q=a"), ("//evil.example/x", "/"), ("https://evil.example/x", "/"), ("", "/"),
        ("/\\evil.example", "/"), ("\\\\evil.example", "/"), ("javascript:alert(1)", "/alert(1)"), ("http://[", "/"),
        ("/a\r\nSet-Cookie: x=1", "/aSet-Cookie:x=1"), ("http://localhost/x?y=1", "/x?y=1"), ("///evil.example", "/"),
    ],
)
def test_login_never_leads_to_another_host(sqlite_app: Flask, given: str, kept: str) -> None:
    with sqlite_app.test_request_context():
        address = own_address(given)
    assert address == kept or (address.startswith("/") and not address.startswith("//") and "evil" not in address[:2])


def test_first_start_shows_nothing_and_says_how_to_add_a_user(production: Flask) -> None:
    client = production.test_client()
    assert client.get("/").headers["Location"] == "/login?next=%2F"
    page = client.get("/login").get_data(as_text=True)
    assert "audit-webhook user add NAME --role admin" in page and MARK not in page
    add_user(context_of(production).readers.users.path, "alice")
    assert "Nobody can log in yet" not in client.get("/login").get_data(as_text=True)
    assert log_in(client, "alice") == 303


def test_probes_answer_without_a_login(production: Flask) -> None:
    client = production.test_client()
    assert client.get("/healthz").status_code == client.get("/readyz").status_code == 200


def test_everybody_with_a_whole_scope_sees_everything(production: Flask) -> None:
    assert len(logged_in(production, "eve", "viewer", EVERYWHERE).get("/api/v1/events").get_json()["events"]) == 4


@pytest.mark.parametrize("name", SCOPES)
def test_limited_reader_is_told_that_a_page_needs_more_and_gets_no_link_to_it(production: Flask, name: str) -> None:
    scope, _ = SCOPES[name]
    identifiers = ids(production)
    client = logged_in(production, "bob", "viewer", scope)
    links = "".join(client.get(page).get_data(as_text=True) for page in ("/", "/account", "/clusters", *(
        f"/events/{identifier}" for identifier in identifiers
    )))
    for rule in rules(production):
        narrow = rule.endpoint in WHOLE_CLUSTERS and scope.namespaces is not None
        if not narrow and rule.endpoint not in EVERYTHING:
            continue
        for answer in ask(client, production, rule, identifiers):
            assert answer.status_code == 403, rule.rule
            if answer.request.method != "HEAD":
                found = answer.get_data(as_text=True)
                assert re.search("This page needs .*; your access is limited to the", found), rule.rule
        assert f'href="{rule.rule.partition("<")[0]}' not in links or rule.rule.startswith("/events/"), rule.rule
    assert "/proof" not in links
