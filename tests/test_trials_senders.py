"""Who may send, tried on the running server on each engine: the token, how it is compared, and what the log says."""

from __future__ import annotations

import base64
import hmac
import http.client
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import quote

import orjson
import pytest

from audit_webhook.config import Config
from audit_webhook.context import context_of
from audit_webhook.operate.server.listener import HEADER_BYTES
from audit_webhook.storage.search_sql import EVERYTHING, LAST
from tests.conftest import Server
from tests.factories import audit_event, event_list
from tests.readers import PASSWORD, add_user
from tests.serving import ROOT, TOKEN, connect, exchange, get, post, serving
from tests.test_trials_input import settings

__all__ = ["settings"]
RIGHT: Final = "0123456789abcdef0123456789ABCDEF"
OTHER: Final = "fedcba9876543210fedcba9876543210"
BATCH: Final = event_list([audit_event()])


@pytest.fixture
def guarded(engine: Config, tmp_path: Path) -> Iterator[Server]:
    """A server in production that takes a token for each of two clusters, and readers from a proxy."""
    folder = tmp_path / "tokens"
    folder.mkdir()
    (folder / "prod").write_text(f"{RIGHT}\n")
    (folder / "staging").write_text(f"{OTHER}\n")
    add_user(tmp_path / "users", "alice", "admin")
    running = Server(replace(
        engine, environment="production", webhook_tokens_dir=str(folder), ui_users_file=str(tmp_path / "users"),
        auth_proxy_peers="127.0.0.1", auth_proxy_user_header="X-Remote-User", auth_proxy_secret_header="X-Proof",
        auth_proxy_secret=RIGHT,
    ))
    yield running
    running.stop()


def send(server: Server, *lines: bytes) -> int:
    """Post a batch with these lines in its head; give the status."""
    head = [b"POST /webhook/audit/prod HTTP/1.1", b"Host: x", b"Content-Length: %d" % len(BATCH), *lines, b"", b""]
    answer = exchange(server.url, b"\r\n".join([*head[:-2], b"Connection: close", b"", b""]) + BATCH)
    return int(answer[9:12])


WRONG: Final = {
    "missing": (), "empty": (b"Authorization:",), "scheme alone": (b"Authorization: Bearer ",),
    "wrong": (b"Authorization: Bearer wrong",), "longer": (b"Authorization: Bearer %bx" % RIGHT.encode(),),
    "shorter": (b"Authorization: Bearer %b" % RIGHT[:-1].encode(),),
    "other case": (b"Authorization: Bearer %b" % RIGHT.upper().encode(),),
    "not ASCII": (b"Authorization: Bearer \xc3\xa9\xff",), "lower-case scheme": (b"authorization: bearer wrong",),
    "no scheme": (b"Authorization: %b" % RIGHT.encode(),), "100 kB": (b"Authorization: Bearer " + b"x" * 100_000,),
    "10 kB": (b"Authorization: Bearer " + b"x" * 10_000,),
    "two headers": (b"Authorization: Bearer wrong", b"Authorization: Bearer %b" % RIGHT.encode()),
    "in a cookie": (b"Cookie: token=%b" % RIGHT.encode(),), "in the other header": (b"X-Proof: %b" % RIGHT.encode(),),
    "Basic without a colon": (b"Authorization: Basic " + base64.b64encode(RIGHT.encode()),),
    "Basic that is none": (b"Authorization: Basic \xff!",),
}


def test_no_wrong_token_stores_anything(guarded: Server) -> None:
    statuses = {name: send(guarded, *lines) for name, lines in WRONG.items()}
    assert statuses == dict.fromkeys(WRONG, 401)
    assert send(guarded, b"Authorization: Bearer %b" % OTHER.encode()) == 403
    repository = context_of(guarded.app).repository
    assert not repository.select_events(EVERYTHING, LAST, 10) and repository.contacts() == []
    assert send(guarded, b"Authorization: Bearer %b" % RIGHT.encode()) == 200


def test_head_without_end_is_refused_for_its_token_and_held_no_longer_than_another(guarded: Server) -> None:
    line, right = b"POST /webhook/audit/prod HTTP/1.1\r\nHost: x\r\n", b"Authorization: Bearer %b\r\n" % RIGHT.encode()
    endless = b"X-Long: " + b"x" * 1_000_000
    heads = {
        line + b"Authorization: Bearer " + b"x" * 1_000_000: 401, line + endless: 401, line + right + endless: 431,
        line + b"X-Short: y\r\n" * 100_000: 401, line + right + b"X-Short: y\r\n" * 100_000: 431,
        line + b"no header\r\n" * 100_000: 431, b"x" * 1_000_000: 431, b"GET / HTTP/1.1\r\n" + endless: 431,
    }
    for head, status in heads.items():
        with connect(guarded.url) as opened:
            opened.settimeout(5)
            opened.sendall(head[:HEADER_BYTES + 1000])  # what follows is not waited for
            assert int(opened.recv(1000)[9:12]) == status
    assert guarded.listener.gate.pages.requests == guarded.listener.gate.batches.requests == 0


def test_production_without_a_token_does_not_start(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "audit_webhook", "serve"]
    environment = {"PYTHONPATH": str(ROOT), "ENVIRONMENT": "production", "DB_PATH": str(tmp_path / "audit.db")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "WEBHOOK_TOKEN is not set" in done.stderr


class Comparisons:
    """What is compared with `hmac.compare_digest`, while it still compares."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Listen from now on."""
        self.pairs: list[tuple[bytes, bytes]] = []
        self._compare = hmac.compare_digest
        monkeypatch.setattr(hmac, "compare_digest", self)

    def __call__(self, one: bytes, other: bytes) -> bool:
        """Note a pair, and compare it."""
        self.pairs.append((one, other))
        return self._compare(one, other)


def test_token_is_compared_whole_and_on_bytes_however_much_of_it_is_right(
    guarded: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Comparisons(monkeypatch)
    for length in (0, 1, 16, 31, 32):
        presented = RIGHT[:length] + "-" * (32 - length)
        for scheme in (f"Bearer {presented}", "Basic " + base64.b64encode(f"audit:{presented}".encode()).decode()):
            seen.pairs.clear()
            assert send(guarded, f"Authorization: {scheme}".encode()) == (200 if length == 32 else 401)
            compared = seen.pairs[:2]
            assert [(type(one), type(other), len(one), len(other)) for one, other in compared] == [
                (bytes, bytes, 32, 32)
            ] * 2
            assert len({expected for _, expected in compared}) == 2  # each valid token, also after a match
            assert RIGHT.encode() not in [one for pair in seen.pairs for one in pair]  # hashes tell no beginning
    for presented in (b"", b"\xff\xfe", b"x" * 10_000):
        seen.pairs.clear()
        assert send(guarded, b"Authorization: Bearer " + presented) == 401
        assert all(isinstance(one, bytes) and len(one) == 32 for pair in seen.pairs for one in pair)


def test_proof_of_the_proxy_is_compared_whole_and_on_bytes(guarded: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Comparisons(monkeypatch)
    for length in (0, 1, 31, 32):
        seen.pairs.clear()
        proof = RIGHT[:length] + "é" * (32 - length)
        request = f"GET /api/v1/events HTTP/1.1\r\nHost: x\r\nX-Remote-User: alice\r\nX-Proof: {proof}\r\n"
        answer = exchange(guarded.url, f"{request}Connection: close\r\n\r\n".encode())
        assert answer[9:12] == (b"200" if length == 32 else b"401")
        assert seen.pairs and all(type(one) is bytes and len(one) == 32 for pair in seen.pairs for one in pair)


def test_form_token_and_password_are_compared_whole_and_on_bytes(
    guarded: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Comparisons(monkeypatch)
    client = guarded.app.test_client()
    own = {"Sec-Fetch-Site": "same-origin"}
    assert client.post("/login", data={"name": "alice", "password": "\xe9" + PASSWORD}, headers=own).status_code == 401
    assert client.post("/login", data={"name": "alice", "password": PASSWORD}, headers=own).status_code == 303
    assert client.post("/logout", data={"form_token": "\xe9" * 64}, headers=own).status_code == 403
    assert len(seen.pairs) >= 3
    assert all(isinstance(one, bytes) for pair in seen.pairs for one in pair)


FORGED: Final = '\r\n{"level":"info","message":"FORGED"}\x1b[2J\u2028FORGED'


@pytest.mark.parametrize("environment", ["production", "development"])
def test_log_has_one_line_for_each_thing_and_nothing_that_was_sent(
    settings: dict[str, str], tmp_path: Path, environment: str
) -> None:
    add_user(tmp_path / "users", "alice", "admin")
    with serving(tmp_path, ENVIRONMENT=environment, UI_USERS_FILE=str(tmp_path / "users"), **settings) as service:
        hostile = audit_event(
            user={"username": f"MARK{FORGED}"}, userAgent=f"MARK{FORGED}", auditID=f"MARK{FORGED}", verb="MARK",
            requestURI=f"/MARK?token=MARK{FORGED}", requestObject={"kind": "Secret", "data": {"a": "MARK"}},
        )
        assert post(service.url, event_list([hostile, b'{"MARK":"%b",,}' % FORGED.encode()])).status == 200
        for body in (b"MARK", b"{MARK", f"MARK{FORGED}".encode(), b'{"items":[MARK]}'):
            post(service.url, body)
            post(service.url, body, token="MARK")
            post(service.url, body, cluster=quote(f"MARK{FORGED}"))
        for path in ("/", "/events/", "/webhook/audit/", "/clusters/", "/api/v1/events?q=MARK", "/setup?cluster=MARK"):
            get(f"{service.url}{path}{quote(FORGED)}MARK")
        for name in ("Authorization: Bearer ", "Cookie: session=", "User-Agent: ", "X-Request-Id: "):
            line = f"{name}MARK\x1b[2J"
            exchange(service.url, f"GET /?q=MARK HTTP/1.1\r\nHost: x\r\n{line}\r\nConnection: close\r\n\r\n".encode())
        exchange(service.url, f"MARK{FORGED} /MARK HTTP/1.1\r\nHost: MARK\r\nConnection: close\r\n\r\n".encode())
        exchange(service.url, b"POST /webhook/audit/prod HTTP/1.1\r\nHost: MARK\r\nContent-Length: MARK\r\n\r\nMARK")
        log_in(service.url, name=f"MARK{FORGED}", password="MARK")
        with connect(service.url) as opened:
            opened.sendall(b"\x16\x03\x01MARK\r\n\r\n")  # TLS on a plain port
            opened.recv(1000)
        assert service.stop() == 0
        text = service.log.read_bytes().decode()
    assert "MARK" not in text and "FORGED" not in text and TOKEN not in text and "\x1b" not in text
    assert "refused a request" in text and "Traceback" not in text
    lines = text.split("\n")[:-1]
    assert text.splitlines() == lines  # none is broken by another character
    for line in lines:
        if environment == "production":
            assert orjson.loads(line)["message"]
        else:
            assert re.match(r"\d\d:\d\d:\d\d [A-Z]+ ", line)


def log_in(url: str, name: str, password: str) -> None:
    """Send the form of the login."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    body = f"name={quote(name)}&password={quote(password)}"
    connection.request("POST", "/login", body, {
        "Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin",
    })
    assert connection.getresponse().status in (303, 401, 403, 404)
    connection.close()
