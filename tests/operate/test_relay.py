"""Pages are answered by a process of their own, on the port of the batches too, and answered the same."""

from __future__ import annotations

import http.client
import os
import re
import signal
import threading
import time
from pathlib import Path
from typing import Final

import pytest

from audit_webhook.config import Config
from tests.factories import audit_event, event_list
from tests.mariadb import free_port
from tests.operate.test_workers import settings_of, wait_for
from tests.serving import Service, get, post, serving

REQUESTS: Final = [
    ("GET", "/"), ("GET", "/?q=user:alice"), ("HEAD", "/"), ("GET", "/static/app.css"), ("GET", "/no/such/page"),
    ("GET", "/api/v1/events"), ("GET", "/api/v1/events?q=)"), ("GET", "/export.csv?q="), ("GET", "/events/%2f..%00"),
    ("GET", "/api/v1/events?q=%ff%fe"), ("GET", "//setup"), ("POST", "/searches"), ("PUT", "/"), ("DELETE", "/setup"),
    ("GET", "/setup"), ("GET", "/?q=" + "x" * 8000), ("OPTIONS", "/"), ("GET", "/\xe9?q=\xfc"),
]
VARYING: Final = {"Date", "Server"}


def ask(port: int, method: str, path: str) -> tuple[int, dict[str, str], bytes]:
    """Send a request as it stands, and return the answer without what differs from one to the next."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.connect()
        assert connection.sock is not None
        connection.sock.sendall(f"{method} {path} HTTP/1.1\r\nHost: here\r\nCookie: a=b\r\n\r\n".encode("latin-1"))
        answer = http.client.HTTPResponse(connection.sock, method=method)
        answer.begin()
        body = answer.read()
    finally:
        connection.close()
    headers = {name: "".join(sorted(value)) for name, value in answer.getheaders() if name not in VARYING}
    return answer.status, headers, re.sub(rb"\d{4,5}", b"#", body)


@pytest.mark.parametrize(("method", "path"), REQUESTS, ids=lambda value: value[:30])
def test_answer_through_the_relay_is_the_pages_own(both: tuple[int, int], method: str, path: str) -> None:
    relayed, own = both
    assert ask(relayed, method, path) == ask(own, method, path)


@pytest.fixture(scope="module")
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> object:
    """The ports of a service that relays pages and of one whose pages have a port of their own, on one store."""
    mariadb = request.getfixturevalue("mariadb")
    mariadb.execute("CREATE DATABASE relayed")
    settings = {**mariadb.environment("relayed"), "ENVIRONMENT": "development"}
    own = free_port()
    with (
        serving(tmp_path_factory.mktemp("relayed"), **settings) as relayed,
        serving(tmp_path_factory.mktemp("own"), **settings, UI_PORT=str(own)),
    ):
        assert post(relayed.url, event_list([audit_event(1), audit_event(2)])).status == 200
        wait_for(lambda: get(f"http://127.0.0.1:{own}/").status == 200)
        yield relayed.port, own
    mariadb.execute("DROP DATABASE relayed")


def pages_of(service: Service) -> int:
    """Return the number of the process that answers pages: the last one."""
    return service.children()[-1]


def test_pages_that_hang_delay_neither_batches_nor_probes(mariadb_config: Config, tmp_path: Path) -> None:
    with serving(tmp_path, ENVIRONMENT="development", **settings_of(mariadb_config)) as service:
        assert len(service.children()) == 2
        wait_for(lambda: get(f"{service.url}/").status == 200)
        os.kill(pages_of(service), signal.SIGSTOP)
        waiting = [threading.Thread(target=get, args=(f"{service.url}/", 2)) for _ in range(20)]
        try:
            for thread in waiting:
                thread.start()
            time.sleep(0.3)
            answers = [post(service.url, event_list([audit_event(number)])) for number in range(20)]
            probes = [get(f"{service.url}/{path}", 5) for path in ("healthz", "readyz", "metrics")]
        finally:
            os.kill(pages_of(service), signal.SIGCONT)
        for thread in waiting:
            thread.join()
        assert {answer.status for answer in [*answers, *probes]} == {200}
        assert max(answer.seconds for answer in [*answers, *probes]) < 1
        wait_for(lambda: get(f"{service.url}/").status == 200)


def test_pages_come_back_when_their_process_was_killed(mariadb_config: Config, tmp_path: Path) -> None:
    with serving(tmp_path, ENVIRONMENT="development", **settings_of(mariadb_config)) as service:
        wait_for(lambda: get(f"{service.url}/").status == 200)
        os.kill(pages_of(service), signal.SIGKILL)
        assert post(service.url, event_list([audit_event()])).status == 200
        wait_for(lambda: get(f"{service.url}/").status == 200)
        assert service.stop() == 0


def test_address_of_a_reader_goes_with_the_request(mariadb_config: Config, tmp_path: Path) -> None:
    """The pages' process refuses by address what comes from elsewhere, and limits logins by it."""
    settings = {
        "AUTH_PROXY_PEERS": "127.0.0.1", "AUTH_PROXY_USER_HEADER": "X-User", "AUTH_PROXY_SECRET_HEADER": "X-Secret",
        "AUTH_PROXY_SECRET": "s" * 32, "UI_USERS_FILE": str(tmp_path / "users.txt"),
    }
    with serving(tmp_path, **settings, **settings_of(mariadb_config)) as service:
        wait_for(lambda: get(f"{service.url}/login").status == 200)
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)
        connection.request("GET", "/api/v1/events", headers={"X-User": "alice", "X-Secret": "s" * 32})
        assert connection.getresponse().status in (200, 403)  # known as alice, who has no role here
        connection.close()
        connection.request("GET", "/api/v1/events", headers={"X-User": "alice", "X-Secret": "wrong"})
        assert connection.getresponse().status == 401
        connection.close()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM])
def test_signal_that_asks_for_nothing_ends_nothing(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path) as service:
        for process in (service.process.pid, *service.children()):
            os.kill(process, number)
        time.sleep(0.5)
        assert post(service.url, event_list([audit_event()])).status == 200
        assert service.stop() == 0
