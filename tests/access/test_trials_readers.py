"""Who may read, tried on the running server on each engine: every route, forged headers, hostile filters and names."""

from __future__ import annotations

import http.client
import json
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

import pytest
from werkzeug.routing import Rule

from audit_webhook.access.authentication import SESSION_IDLE, hash_of
from audit_webhook.access.gate import need_of
from audit_webhook.access.keys import open_access_key
from audit_webhook.access.row_macs import RowSigner
from audit_webhook.config import Config
from audit_webhook.context import context_of
from audit_webhook.query.fields import FIELDS, Field
from audit_webhook.storage.access_store import Session
from audit_webhook.storage.scope import Scope
from tests.access.test_gate import ARGUMENTS, CROSS, MARK, OPEN
from tests.conftest import Server
from tests.factories import audit_event, event_list
from tests.kubectl.test_kubectl_words import HOSTILE, percent, run_in_shell
from tests.mariadb import MariaDB, free_port
from tests.readers import add_user
from tests.serving import TOKEN, Answer, exchange, get, post, serving

WHO: Final = ("nobody", "expired", "elsewhere")


@pytest.fixture
def production(engine: Config, tmp_path: Path) -> Iterator[Server]:
    """A server in production with one event, an administrator, and a viewer of another cluster."""
    users = tmp_path / "users"
    add_user(users, "alice", "admin")
    add_user(users, "elsewhere", "viewer", Scope(clusters=frozenset({"other"})))
    running = Server(replace(engine, environment="production", webhook_token=TOKEN, ui_users_file=str(users)))
    reference = {"resource": "pods", "namespace": "bank", "name": MARK}
    event = audit_event(level="Request", objectRef=reference, requestObject={"note": MARK}, user={"username": MARK})
    assert post(running.url, event_list([event])).status == 200
    yield running
    running.stop()


def session_of(server: Server, name: str, idle: int = 0) -> str:
    """Begin a session of somebody that was last in use so long ago; give its cookie."""
    parts, cookie = context_of(server.app), secrets.token_urlsafe(32)
    moment = parts.clock() - idle
    session = Session(hash_of(cookie), name, False, moment, moment, "127.0.0.1")
    parts.readers.store.insert_session(RowSigner(open_access_key(parts.config)).sign_session(session))
    return cookie


def ask(server: Server, method: str, path: str, cookie: str = "", **headers: str) -> Answer:
    """Ask without following where an answer leads."""
    connection = http.client.HTTPConnection("127.0.0.1", server.config.http_port, timeout=20)
    sent = {**headers, **({"Cookie": f"session={cookie}"} if cookie else {})}
    if method == "POST":
        sent["Content-Type"] = "application/x-www-form-urlencoded"
    connection.request(method, path, "id=0&label=x&days=30&name=x" if method == "POST" else None, sent)
    answer = connection.getresponse()
    found = Answer(answer.status, dict(answer.headers), answer.read(), 0.0)
    connection.close()
    return found


def requests_of(server: Server, identifier: str) -> Iterator[tuple[Rule, str, str]]:
    """Give every route of the application that needs a reader, with its methods and a path."""
    known = {"identifier": identifier, **ARGUMENTS}
    for rule in server.app.url_map.iter_rules():
        if need_of(rule.endpoint) in OPEN:
            continue
        values = {name: "prod" if rule.endpoint == "clusters.show_cluster" else known[name] for name in rule.arguments}
        with server.app.test_request_context():
            path = server.app.url_for(rule.endpoint, **values)
        for method in sorted((rule.methods or set()) - {"OPTIONS"}):
            yield rule, method, path


@pytest.mark.parametrize("who", WHO)
def test_no_route_gives_anything_to_who_may_not_see_it(production: Server, who: str) -> None:
    (event,) = json.loads(ask(production, "GET", "/api/v1/events", session_of(production, "alice")).body)["events"]
    cookie = {
        "nobody": "", "expired": session_of(production, "alice", SESSION_IDLE + 1_000_000),
        "elsewhere": session_of(production, "elsewhere"),
    }[who]
    asked = list(requests_of(production, event["id"]))
    assert len({rule.endpoint for rule, _, _ in asked}) >= 30
    for rule, method, path in asked:
        answer = ask(production, method, path, cookie)
        assert MARK.encode() not in answer.body, path
        if who != "elsewhere":
            assert answer.status in (303, 401, 403), (path, answer.status)
        elif need_of(rule.endpoint) == "admin":
            assert answer.status == 403, path
        else:
            assert answer.status < 500, path


def test_no_route_that_changes_something_takes_a_form_of_another_site(production: Server) -> None:
    cookie = session_of(production, "alice")
    changing = [path for _, method, path in requests_of(production, "0" * 26) if method == "POST"]
    assert len(changing) >= 5
    for path in [*changing, "/login"]:
        for headers in CROSS:
            sent = {name: value.replace("http://localhost", production.url) for name, value in headers.items()}
            assert ask(production, "POST", path, cookie, **sent).status == 403, (path, headers)
    assert ask(production, "GET", "/account", cookie).status == 200


NAMES: Final = ("X-Forwarded-User", "X-Auth-Request-User", "X-Remote-User", "Remote-User", "X-Forwarded-Email")
SPELLINGS: Final = [form for name in NAMES for form in (name, name.replace("-", "_"), name.lower(), f"HTTP_{name}")]


def forge(url: str, *lines: str) -> bytes:
    """Ask for events with these lines in the head; give the status."""
    head = ["GET /api/v1/events HTTP/1.1", "Host: x", *lines, "Connection: close", "", ""]
    return exchange(url, "\r\n".join(head).encode())[9:12]


@pytest.mark.parametrize("peer", ["192.0.2.1", "127.0.0.1"])
def test_forged_user_counts_for_nothing_on_any_listener(
    mariadb: MariaDB, mariadb_config: Config, tmp_path: Path, peer: str
) -> None:
    add_user(tmp_path / "users", "alice", "admin")
    own = {
        "UI_PORT": str(free_port()), "UI_USERS_FILE": str(tmp_path / "users"), "AUTH_PROXY_PEERS": peer,
        "AUTH_PROXY_USER_HEADER": "X-Auth-Request-User", "AUTH_PROXY_SECRET_HEADER": "X-Proof",
        "AUTH_PROXY_SECRET": "s" * 32,
    }
    with serving(tmp_path, **mariadb.environment(mariadb_config.db_name), **own) as service:
        pages = f"http://127.0.0.1:{own['UI_PORT']}"
        assert get(f"{pages}/login").status == 200
        for url, closed in ((service.url, b"404"), (pages, b"401")):
            for spelling in SPELLINGS:
                assert forge(url, f"{spelling}: alice") == closed, spelling
                assert forge(url, f"{spelling}: alice", "X-Proof: wrong", "X-Forwarded-For: 127.0.0.1") == closed
            proven = forge(url, "X-Auth-Request-User: alice", f"X-Proof: {'s' * 32}", "X-Forwarded-For: 127.0.0.1")
            assert proven == (b"200" if peer == "127.0.0.1" and url == pages else closed)
            assert forge(url, "X_Auth_Request_User: alice", f"X-Proof: {'s' * 32}") == closed


METAS: Final = (
    "'", '"', "\\", "%", "_", "a%", "a_c", "\\%", "' or 1=1 -- ", "'; drop table events;", "') or ('1'='1", "{where}",
    "%s", "?", "\u02bc", "/*!50000 1*/", "abc",
)
TYPED: Final = {"kind", "code", "time", "id", "flag", "denied"}
OF_BODIES: Final = {"fact", "member", "grants"}


def event_with(text: str) -> dict[str, Any]:
    """Make an event with the text in every field that a client writes; its auditID is the text."""
    return audit_event(
        auditID=text, user={"username": text, "groups": [text]}, impersonatedUser={"username": text}, verb=text,
        objectRef={"resource": text, "namespace": text, "name": text, "subresource": text, "apiGroup": text},
        sourceIPs=[text], userAgent=text, level=text, stage=text, requestURI=f"/x?{urlencode({'fieldManager': text})}",
        annotations={"authorization.k8s.io/decision": text},
    )


def search(server: Server, query: str) -> tuple[int, set[str]]:
    answer = get(f"{server.url}/api/v1/events?{urlencode({'q': query, 'limit': 500})}")
    events = json.loads(answer.body).get("events", ()) if answer.status == 200 else ()
    return answer.status, {event["audit_id"] for event in events}


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def check_field(server: Server, field: Field, everything: set[str]) -> None:
    """A text without * matches itself alone, as a value; where it cannot be one, it is a mistake or matches nothing."""
    is_derived = field.name in ("client", "command", "cluster", "session")
    name = field.example.partition(":")[0]
    for text in METAS:
        status, found = search(server, f"{name}:{quoted(text)}")
        rest = search(server, f"-{name}:{quoted(text)}")
        query = (field.name, text)
        if field.type in TYPED:
            assert status == rest[0] == 400 or found == set(), query
        elif field.type in OF_BODIES:  # these events have no bodies
            assert (status, found, rest) == (200, set(), (200, everything)), query
        elif is_derived or (field.name == "resource" and "/" in text):  # what follows a / is the subresource
            assert (status, rest) == (200, (200, everything - found)), query
        elif field.name == "body":
            assert status == 200 and text in found and rest == (200, everything - found), query
        else:
            assert (status, found, rest) == (200, {text}, (200, everything - {text})), query
    if field.type == "text" and not is_derived:
        assert search(server, f"{field.name}:a%*")[1] == {"a%"}, field.name
        assert search(server, f"{field.name}:a_*")[1] == {"a_c"}, field.name


def test_characters_of_sql_in_each_filter_match_themselves_or_are_a_mistake(served: Server) -> None:
    assert post(served.url, event_list([event_with(text) for text in METAS])).status == 200
    assert search(served, "")[1] == set(METAS)
    for field in FIELDS:
        check_field(served, field, set(METAS))
    assert search(served, "")[1] == set(METAS)


PARAMETERS: Final = (
    "q", "cursor", "limit", "by", "before", "after", "since", "days", "cluster", "user", "name", "show", "columns",
    "format", "term", "token", "next", "sort", "order", "fold",
)


def test_characters_of_sql_in_any_parameter_of_any_page_are_never_a_fault(served: Server) -> None:
    assert post(served.url, event_list([event_with(text) for text in METAS])).status == 200
    paths = [path for _, method, path in requests_of(served, "0" * 26) if method == "GET"]
    for text in ("id; drop table events", "' or '1'='1", "1 union select 1", "\\", "%' -- "):
        for path in paths:
            values = dict.fromkeys(PARAMETERS, text)
            for sent in (values, {**values, "q": "user:abc", "limit": "5", "cursor": ""}):
                answer = get(f"{served.url}{path}?{urlencode(sent)}", timeout=20)
                assert 200 <= answer.status < 500, (path, text)
    assert search(served, "sort:id;drop")[0] == 400 and search(served, "")[1] == set(METAS)


def test_line_that_somebody_copies_runs_kubectl_and_nothing_else(served: Server, tmp_path: Path) -> None:
    names = ["x; touch pwned", "$(id > pwned)", "a\nb; touch pwned", "\u202etouch pwned", *HOSTILE]
    events = []
    for number, name in enumerate(names):
        ref = {"namespace": name, "name": name, "apiVersion": "v1"}
        query = "&".join(f"command={percent(word)}" for word in ("echo", name))
        common = {"user": {"username": "mallory"}, "responseStatus": {"code": 200}}
        events += [
            audit_event(number, verb="delete", objectRef={**ref, "resource": "configmaps"}, requestURI="/x", **common),
            audit_event(
                number + 100, verb="get", objectRef={**ref, "resource": "pods", "subresource": "exec"},
                requestURI=f"/api/v1/namespaces/{quote(name)}/pods/{quote(name)}/exec?{query}&stdout=true", **common,
            ),
            audit_event(number + 200, verb="list", objectRef={"resource": "pods", "namespace": name}, requestURI=(
                f"/api/v1/namespaces/{quote(name)}/pods?labelSelector={quote(name)}&fieldSelector={quote(name)}"
            ), **common),
        ]
    assert post(served.url, event_list(events)).status == 200
    shown = [
        each["kubectl"]["command"]
        for path in ("/api/v1/events?limit=500", "/api/v1/commands?limit=500")
        for each in json.loads(get(served.url + path).body)[path[8:].partition("?")[0]] if each.get("kubectl")
    ]
    assert len(shown) > len(names)
    for line in sorted(set(shown)):
        subprocess.run(["sh", "-n", "-c", line], check=True, timeout=20)
        assert line.replace("\n", "").isprintable() and line.startswith("kubectl ")
        assert run_in_shell(line, tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir() if path.is_file() and ".db" not in path.name) == [
            "kubectl", "seen"
        ], line
