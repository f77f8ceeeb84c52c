"""The service behind a real nginx with TLS, configured as deploy/ says: no batch lost on the way, nobody let in."""

from __future__ import annotations

import http.client
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.factories import audit_event, event_list
from tests.login_proxy import SIGN_IN, LoginProxy
from tests.mariadb import MariaDB, free_port
from tests.nginx import HOST, OF_A_POD, STANDALONE, Front, Sidecar
from tests.readers import add_user
from tests.serving import TOKEN, Service, exchange_on, get, samples, serving

PROOF: Final = "p" * 40
MEBIBYTE: Final = 1024**2
LARGE: Final = 64 * MEBIBYTE
LARGEST: Final = 1024 * MEBIBYTE
HEADERS: Final = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
AHEAD_OF_90_SECONDS: Final = 91


class Reply(NamedTuple):
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


class Stage(NamedTuple):
    """Everything at once: the service with its two listeners, nginx, the login proxy behind it."""

    service: Service
    front: Front
    users: Path


@pytest.fixture(scope="module")
def stage(mariadb: MariaDB, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The service on MariaDB behind deploy/nginx, with a line for one user."""
    folder, pages = tmp_path_factory.mktemp("behind-nginx"), free_port()
    users = folder / "users.txt"
    add_user(users, "alice")
    settings = {
        "UI_PORT": str(pages), "UI_USERS_FILE": str(users), "AUTH_PROXY_PEERS": "127.0.0.1",
        "AUTH_PROXY_USER_HEADER": "X-Audit-User", "AUTH_PROXY_SECRET_HEADER": "X-Audit-Proof",
        "AUTH_PROXY_SECRET": PROOF, **mariadb.environment("behind_nginx"),
    }
    with ExitStack() as stack:
        service = stack.enter_context(serving(folder, **settings))
        login = stack.enter_context(LoginProxy())
        front = stack.enter_context(Front(folder, service.port, pages, login.port, PROOF))
        yield Stage(service, front, users)


def ask(
    front: Front | Sidecar, port: int, method: str, path: str, body: bytes | None = None, **headers: str
) -> Reply:
    """Send one request over TLS."""
    connection = http.client.HTTPSConnection(
        "127.0.0.1", port, timeout=30, context=front.certificate.client_context()
    )
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return Reply(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def send(front: Front | Sidecar, body: bytes, path: str = "/webhook/audit/prod", token: str = TOKEN) -> Reply:
    """Send a batch."""
    return ask(front, front.port, "POST", f"{path}?timeout=30s", body, **HEADERS | {"Authorization": f"Bearer {token}"})


def look(front: Front, path: str, **headers: str) -> Reply:
    """Ask for a page."""
    return ask(front, front.pages_port, "GET", path, None, **headers)


def exchange(front: Front, request: bytes) -> bytes:
    """Send bytes over TLS, and give all that comes back within a moment."""
    with socket.create_connection(("127.0.0.1", front.port), 10) as plain, front.certificate.client_context(
    ).wrap_socket(plain, server_hostname=HOST) as opened:
        return exchange_on(opened, request, 2)


def received(service: Service) -> float:
    """Give how many events the service has been sent."""
    exposed = samples(get(f"{service.url}/metrics").body)
    return sum(value for name, value in exposed.items() if name.startswith("audit_webhook_events_received_total"))


def padded(size: int) -> bytes:
    """Give a batch of exactly so many bytes, in events of a mebibyte."""
    events = [audit_event(requestObject={"a": "x" * MEBIBYTE}) for _ in range(size // MEBIBYTE - 1)]
    lacking = size - len(event_list(events))
    batch = event_list([*events[1:], events[0] | {"requestObject": {"a": "x" * (MEBIBYTE + lacking)}}])
    assert len(batch) == size
    return batch


# Batches


def test_batch_over_tls_is_stored_and_its_answer_comes_back(stage: Stage) -> None:
    before = received(stage.service)
    answer = send(stage.front, event_list([audit_event(), audit_event()]))
    assert answer.status == 200 and received(stage.service) == before + 2


def test_large_batch_passes(stage: Stage) -> None:
    before = received(stage.service)
    assert send(stage.front, padded(LARGE)).status == 200
    assert received(stage.service) > before


def test_larger_batch_is_refused_before_it_is_sent(stage: Stage) -> None:
    request = f"POST /webhook/audit/prod HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {TOKEN}\r\n"
    answer = exchange(stage.front, f"{request}Content-Length: {LARGEST + 1}\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 413") and b"MAX_BODY_BYTES" in answer


def test_wrong_token_is_told_even_under_a_large_batch(stage: Stage) -> None:
    request = f"POST /webhook/audit/prod HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer wrong\r\n"
    answer = exchange(stage.front, f"{request}Content-Length: {LARGEST}\r\n\r\n".encode() + b"x" * MEBIBYTE)
    assert answer.startswith(b"HTTP/1.1 401")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/webhook/audit/prod/", {200}), ("POST", "/webhook/audit/", {400, 404}),
        ("POST", "/webhook/audit", {400}), ("POST", "/webhook", {404}), ("POST", "//webhook/audit/prod", {200, 404}),
        ("POST", "/webhook/../webhook/audit/prod", {200, 400, 404}), ("POST", "/", {404}), ("POST", "/login", {404}),
        ("GET", "/webhook/audit/prod", {405}), ("HEAD", "/webhook/audit/prod", {405}), ("GET", "/", {404}),
        ("GET", "/oauth2/sign_in", {404}), ("GET", "/metrics", {404}), ("GET", "/api/v1/events", {404}),
    ],
)
def test_port_for_batches_redirects_nothing_and_shows_nothing(
    stage: Stage, method: str, path: str, status: set[int]
) -> None:
    body = event_list([audit_event()]) if method == "POST" else None
    answer = ask(stage.front, stage.front.port, method, path, body, **HEADERS)
    assert answer.status in status and "Location" not in answer.headers


def test_port_for_batches_answers_the_runbook_s_look_at_health(stage: Stage) -> None:
    answer = ask(stage.front, stage.front.port, "GET", "/healthz")
    assert (answer.status, answer.body) == (200, b'{"status":"ok"}\n')
    assert ask(stage.front, stage.front.port, "GET", "/healthz/x").status == 404


def test_plain_http_on_the_port_for_batches_is_refused_and_not_led_to_https(stage: Stage) -> None:
    answer = get(f"http://127.0.0.1:{stage.front.port}/webhook/audit/prod")
    assert answer.status == 400 and "Location" not in answer.headers


def test_connection_is_used_again_for_the_next_batch(stage: Stage) -> None:
    connection = http.client.HTTPSConnection(
        "127.0.0.1", stage.front.port, timeout=10, context=stage.front.certificate.client_context()
    )
    connection.connect()
    opened = connection.sock
    for _ in range(20):
        connection.request("POST", "/webhook/audit/prod?timeout=30s", event_list([audit_event()]), HEADERS)
        answer = connection.getresponse()
        assert answer.status == 200 and answer.read() is not None
    assert connection.sock is opened
    connection.close()


@pytest.mark.parametrize("configuration", [STANDALONE, OF_A_POD], ids=["standalone", "pod"])
def test_idle_connections_outlive_those_of_a_kube_apiserver_and_end_before_the_service_s(configuration: Path) -> None:
    text = configuration.read_text("utf-8")
    times = [int(seconds) for seconds in re.findall(r"^ +keepalive_timeout (\d+)s;", text, re.MULTILINE)]
    to_the_service, to_the_sender = times
    assert to_the_sender >= AHEAD_OF_90_SECONDS and to_the_service < 120


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"Content-Length: 0\r\nContent-Length: 5\r\n\r\n",
        b"Content-Length: +0\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_request_hidden_in_another_is_never_answered(stage: Stage, framing: bytes) -> None:
    head = f"Host: {HOST}\r\nAuthorization: Bearer {TOKEN}\r\n".encode()
    body = event_list([audit_event()])
    hidden = b"POST /webhook/audit/prod HTTP/1.1\r\n" + head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    before = received(stage.service)
    answer = exchange(stage.front, b"POST /webhook/audit/prod HTTP/1.1\r\n" + head + framing + hidden)
    assert answer[9:12] in (b"400", b"501") and answer.count(b"HTTP/1.1 ") == 1
    assert received(stage.service) == before


# The pages


def test_nobody_sees_a_page_without_the_login_proxy_s_word(stage: Stage) -> None:
    answer = look(stage.front, "/?q=verb:get&x=1")
    assert (answer.status, answer.body) == (403, SIGN_IN)
    assert answer.headers["X-Leads-To"] == "/?q=verb:get&x=1"


def test_user_of_the_login_proxy_is_the_one_who_reads(stage: Stage) -> None:
    answer = look(stage.front, "/account", Cookie="login=alice")
    assert answer.status == 200 and b"alice" in answer.body
    assert look(stage.front, "/account", Cookie="login=mallory").status == 403


@pytest.mark.parametrize("name", ["X_Audit_User", "x_audit_user", "X_Auth_Request_User", "X_Forwarded_User"])
def test_headers_that_a_browser_forges_let_nobody_in(stage: Stage, name: str) -> None:
    forged = {name: "alice", "X_Audit_Proof": PROOF}
    assert look(stage.front, "/account", **forged).body == SIGN_IN
    assert look(stage.front, "/account", **forged, Cookie="login=mallory").status == 403
    assert look(stage.front, "/api/v1/events", **forged, Authorization="Bearer x").status == 401


def test_program_with_a_token_needs_no_login_where_programs_ask(stage: Stage) -> None:
    assert look(stage.front, "/api/v1/events", Authorization="Bearer aw_nonsense").status == 401
    assert look(stage.front, "/", Authorization="Bearer aw_nonsense").body == SIGN_IN
    assert look(stage.front, "/api/v1/events").body == SIGN_IN


def test_port_of_the_pages_takes_no_batch(stage: Stage) -> None:
    for cookie in ("", "login=alice"):
        answer = ask(
            stage.front, stage.front.pages_port, "POST", "/webhook/audit/prod", event_list([audit_event()]),
            **HEADERS, Cookie=cookie,
        )
        assert answer.status == 404


# When the service is away, and in a pod


def test_service_that_is_away_makes_the_sender_patient(tmp_path: Path) -> None:
    with Front(tmp_path, free_port(), free_port(), free_port(), PROOF) as front:
        answer = send(front, event_list([audit_event()]))
    assert answer.status == 503 and answer.headers["Retry-After"] == "5" and len(answer.body) < 2048


def test_nginx_of_a_pod_hands_over_batches_and_pages_but_no_metrics(tmp_path: Path) -> None:
    folder = tmp_path / "nginx"
    folder.mkdir()
    with serving(tmp_path) as service, Sidecar(folder, service.port) as sidecar:
        assert send(sidecar, event_list([audit_event()])).status == 200
        assert send(sidecar, padded(8 * MEBIBYTE)).status == 200
        assert send(sidecar, event_list([audit_event()]), token="wrong").status == 401
        assert ask(sidecar, sidecar.port, "GET", "/healthz").status == 200
        assert ask(sidecar, sidecar.port, "GET", "/login").status == 200
        assert ask(sidecar, sidecar.port, "GET", "/metrics").status == 404
        assert ask(sidecar, sidecar.port, "POST", "/webhook", b"{}").status in (404, 405)
        assert received(service) >= 2
        service.stop()
        answer = send(sidecar, event_list([audit_event()]))
    assert answer.status == 503 and answer.headers["Retry-After"] == "5"
