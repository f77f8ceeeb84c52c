"""What the server does before the application is asked: who may send, how much, how slowly, and in which form."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from audit_webhook.config import Config
from audit_webhook.context import context_of
from audit_webhook.operate.server import channel as deadlines
from audit_webhook.operate.server.gate import HELD_BYTES
from tests.conftest import Server
from tests.factories import audit_event, event_list
from tests.serving import TOKEN, connect, exchange, get, post, samples

BATCH = event_list([audit_event()])
MEBIBYTE = 1024**2
PACKET_BYTES = 16 * 1024


@pytest.fixture
def guarded(sqlite_config: Config) -> Iterator[Server]:
    """A server that wants a token and takes batches up to 4 MiB."""
    running = Server(replace(sqlite_config, webhook_token=TOKEN, max_body_bytes=4 * MEBIBYTE))
    yield running
    running.stop()


@pytest.fixture
def guarded_on_each(engine: Config) -> Iterator[Server]:
    """The same server, on each engine."""
    running = Server(replace(engine, webhook_token=TOKEN, max_body_bytes=4 * MEBIBYTE))
    yield running
    running.stop()


def head(*lines: str, method: str = "POST", path: str = "/webhook/audit/prod", token: str = TOKEN) -> bytes:
    """Write a request's head."""
    return "\r\n".join(
        [f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}", *lines, "", ""]
    ).encode()


def refused(server: Server, reason: str) -> float:
    """Give how many requests were refused for a reason."""
    exposed = samples(get(f"{server.url}/metrics").body)
    return exposed[f'audit_webhook_requests_refused_total{{reason="{reason}"}}']


def test_bad_token_is_refused_before_the_body_is_sent(guarded: Server) -> None:
    answer = exchange(guarded.url, head("Content-Length: 4000000", token="wrong"))
    assert answer.startswith(b"HTTP/1.1 401") and b"Www-Authenticate: Bearer" in answer
    assert refused(guarded, "token") == 1


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("Content-Length: 4194305", b"413"), ("Content-Length: 5\r\nContent-Encoding: gzip", b"415"),
        ("Content-Length: 99999999999999999999999", b"400"),
    ],
)
def test_body_that_would_not_be_taken_is_refused_before_it_is_sent(guarded: Server, line: str, status: bytes) -> None:
    assert exchange(guarded.url, head(line))[9:12] == status


def test_client_that_waits_for_100_gets_the_refusal_instead(guarded: Server) -> None:
    answer = exchange(guarded.url, head("Content-Length: 100", "Expect: 100-continue", token="wrong"))
    assert answer.startswith(b"HTTP/1.1 401")


def test_refused_client_that_sends_its_whole_body_still_reads_why(guarded: Server) -> None:
    assert post(guarded.url, b"x" * 40 * MEBIBYTE, token="wrong").status == 401
    assert post(guarded.url, b"x" * 40 * MEBIBYTE).status == 413


def test_batch_of_exactly_the_limit_is_taken(guarded: Server) -> None:
    empty = event_list([audit_event(requestObject="")])
    filled = event_list([audit_event(requestObject="x" * (4 * MEBIBYTE - len(empty)))])
    assert len(filled) == 4 * MEBIBYTE and post(guarded.url, filled).status == 200


def test_body_of_unknown_length_is_cut_off_at_the_limit(guarded: Server) -> None:
    chunk = b"100000\r\n" + b"x" * MEBIBYTE + b"\r\n"
    assert exchange(guarded.url, head("Transfer-Encoding: chunked") + chunk * 5).startswith(b"HTTP/1.1 413")


def test_chunked_batch_is_taken(guarded: Server) -> None:
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BATCH), BATCH)
    assert exchange(guarded.url, head("Transfer-Encoding: chunked", "Connection: close") + chunked)[9:12] == b"200"


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 5", "Transfer-Encoding: chunked"), ("Transfer-Encoding: chunked, chunked",),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding: gzip, chunked",), ("Transfer-Encoding:\r\n chunked",), ("Content-Length: +5",),
        ("Content-Length: 5", "Content-Length: 6"), ("Content-Length: 5", "Content-Length: 5"),
        ("Transfer-Encoding : chunked",), ("Transfer-Encoding: identity",), ("Transfer-Encoding: \x0bchunked",),
    ],
)
def test_request_that_two_programs_might_read_differently_is_refused(
    guarded_on_each: Server, lines: tuple[str, ...]
) -> None:
    answer = exchange(guarded_on_each.url, head(*lines) + b"0\r\n\r\n" + head("Content-Length: 0", path="/smuggled"))
    assert answer[9:12] in (b"400", b"501") and answer.count(b"HTTP/1.") == 1
    assert refused(guarded_on_each, "framing") == 1


def test_body_of_a_refused_request_is_never_another_request(guarded: Server) -> None:
    inner = head(f"Content-Length: {len(BATCH)}") + BATCH
    answer = exchange(guarded.url, head(f"Content-Length: {len(inner)}", token="wrong") + inner)
    assert answer.count(b"HTTP/1.") == 1
    assert context_of(guarded.app).repository.contacts() == []


def test_pages_take_no_large_body(guarded: Server) -> None:
    for path in ("/demo", "/webhook/audit/a/b", "/"):
        assert exchange(guarded.url, head("Content-Length: 70000", path=path)).startswith(b"HTTP/1.1 413")


def test_server_does_not_say_what_it_is(guarded: Server) -> None:
    assert "Server" not in get(f"{guarded.url}/healthz").headers


def test_too_many_batches_at_once_are_answered_at_once_with_429(guarded: Server) -> None:
    gate = guarded.listener.gate
    held = [gate.batches.reserve(0, f"cluster {number}") for number in range(128)]
    answer = post(guarded.url, BATCH)
    assert (answer.status, answer.headers["Retry-After"]) == (429, "3") and answer.seconds < 0.1
    assert get(f"{guarded.url}/healthz").status == 200
    held.pop().release()
    assert post(guarded.url, BATCH).status == 200


def test_too_many_bytes_at_once_are_answered_with_429(guarded: Server) -> None:
    held = guarded.listener.gate.batches.reserve(HELD_BYTES, "another")
    assert post(guarded.url, BATCH).status == 429
    held.release()
    assert post(guarded.url, BATCH).status == 200


def test_room_is_given_back_whatever_becomes_of_a_request(guarded: Server) -> None:
    room = guarded.listener.gate.batches
    post(guarded.url, BATCH)
    post(guarded.url, b"no JSON")
    with connect(guarded.url) as opened:
        opened.sendall(head("Content-Length: 1000000") + b"half of it")
        wait_for(lambda: room.bytes == 1_000_000)
    wait_for(lambda: (room.requests, room.bytes) == (0, 0))


def test_herd_of_900_batches_is_stored_within_the_client_s_patience(guarded: Server) -> None:
    bodies = [event_list(audit_event(verb=f"v{number}") for _ in range(2)) for number in range(900)]
    left = iter(bodies)
    lock = threading.Lock()
    slowest: list[float] = []

    def send_some() -> None:
        while True:
            with lock:
                body = next(left, None)
            if body is None:
                return
            while (answer := post(guarded.url, body)).status != 200:
                assert answer.status == 429 and int(answer.headers["Retry-After"]) == 3
                time.sleep(0.05)
            slowest.append(answer.seconds)

    run_threads([send_some] * 200)
    assert len(slowest) == 900 and max(slowest) < 30
    assert sum(contact.events for contact in context_of(guarded.app).repository.contacts()) == 1800


def test_half_open_connections_and_slow_uploads_do_not_stop_ingest(
    guarded_on_each: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlines, "HEAD_SECONDS", 2.0)
    monkeypatch.setattr(deadlines, "REQUEST_SECONDS", 3.0)
    silent = [connect(guarded_on_each.url) for _ in range(1000)]
    slow = [connect(guarded_on_each.url) for _ in range(100)]
    for number, opened in enumerate(slow):
        opened.sendall(head("Content-Length: 1000") + b"x" if number % 2 else b"POST /webh")
    answers = [post(guarded_on_each.url, event_list([audit_event(verb=f"v{number}")])) for number in range(50)]
    assert {answer.status for answer in answers} == {200}
    assert max(answer.seconds for answer in answers) < 5
    wait_for(lambda: len(guarded_on_each.listener.active_channels) <= 1, 15)
    assert refused(guarded_on_each, "slow") == 1100
    for opened in silent + slow:
        opened.close()


def test_full_house_makes_room_for_those_who_send(guarded: Server) -> None:
    guarded.listener.adj.connection_limit = 100
    crowd = [connect(guarded.url) for _ in range(150)]
    assert [post(guarded.url, event_list([audit_event(n)])).status for n in range(20)] == [200] * 20
    for opened in crowd:
        opened.close()


def test_hundred_uploads_without_a_token_leave_no_trace_in_memory(guarded_on_each: Server) -> None:
    upload = (guarded_on_each.url, head("Content-Length: 4000000", token="no") + b"x" * MEBIBYTE)
    threads = [threading.Thread(target=exchange, args=upload) for _ in range(100)]
    for thread in threads:
        thread.start()
    assert post(guarded_on_each.url, BATCH).status == 200
    for thread in threads:
        thread.join(20)
    wait_for(lambda: guarded_on_each.listener.gate.batches.bytes == 0)
    assert refused(guarded_on_each, "token") == 100


def test_body_that_breaks_off_is_never_stored(guarded: Server) -> None:
    with connect(guarded.url) as opened:
        opened.sendall(head(f"Content-Length: {len(BATCH) + 1}") + BATCH)
    wait_for(lambda: guarded.listener.gate.batches.requests == 0)
    assert post(guarded.url, event_list([audit_event(1)])).status == 200
    assert [contact.events for contact in context_of(guarded.app).repository.contacts()] == [1]


def test_body_in_small_packets_costs_few_turns_and_what_follows_is_answered(
    guarded: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[object] = []
    read = deadlines.Channel.handle_read
    monkeypatch.setattr(deadlines.Channel, "handle_read", lambda channel: (reads.append(channel), read(channel))[1])
    body = event_list([audit_event(requestObject={"data": "x" * MEBIBYTE})])
    opened = http.client.HTTPConnection("127.0.0.1", guarded.config.http_port, timeout=10)
    for content in (body, BATCH, body, BATCH):
        packets = [content[start:start + PACKET_BYTES] for start in range(0, len(content), PACKET_BYTES)]
        sent = (time.sleep(0.002) or packet for packet in packets)
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Length": str(len(content))}
        opened.request("POST", "/webhook/audit/prod", sent, headers)
        answer = opened.getresponse()
        assert answer.status == 200 and answer.read()
    opened.close()
    assert len(body) // PACKET_BYTES >= 64 and len(reads) < 64


def test_server_that_ends_while_it_is_told_to_is_told_in_vain(guarded: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    pull = guarded.listener.pull_trigger

    def pull_late() -> None:
        time.sleep(0.05)  # in which a loop that looks by itself would end, and close what is to be pulled
        pull()

    monkeypatch.setattr(guarded.listener, "pull_trigger", pull_late)
    with connect(guarded.url):
        guarded.listener.drain()
    guarded.listener.drain()


def test_one_connection_carries_many_batches(guarded: Server) -> None:
    opened = http.client.HTTPConnection("127.0.0.1", guarded.config.http_port, timeout=10)
    opened.connect()
    own = opened.sock
    for number in range(1000):
        body = event_list([audit_event(number)])
        opened.request("POST", "/webhook/audit/prod/?timeout=30s", body, {"Authorization": f"Bearer {TOKEN}"})
        answer = opened.getresponse()
        assert answer.status == 200 and answer.read() and opened.sock is own
    opened.close()
    assert [contact.cluster for contact in context_of(guarded.app).repository.contacts()] == ["prod"]


def run_threads(works: list[Callable[[], None]]) -> None:
    """Run functions at once and wait for all."""
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


def wait_for(question: Callable[[], bool], seconds: float = 5) -> None:
    """Ask again and again until the answer is yes; a no in the end fails the test."""
    deadline = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.02)
