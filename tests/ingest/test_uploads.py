"""A batch larger than what is held is stored while it is received: all of it, once, and others go on meanwhile."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest
from flask import Flask

from audit_webhook.config import Config
from audit_webhook.context import context_of
from audit_webhook.ingest.parts import PART_BYTES, WHOLE_BYTES
from audit_webhook.operate.server import channel as deadlines
from audit_webhook.operate.server.body import WINDOW_BYTES
from audit_webhook.operate.server.lanes import UPLOADS
from audit_webhook.storage.repository import Repository
from tests.conftest import Server
from tests.factories import audit_event, encode, event_list
from tests.operate.test_server import head, refused, wait_for
from tests.serving import TOKEN, connect, exchange_on, get, post, samples

MIB = 1024**2
EVENTS = [encode(audit_event(n, responseObject={"a": f"{n}" + "x" * 500_000})) for n in range(30)]
LARGE = event_list(EVENTS)


@pytest.fixture
def guarded(engine: Config) -> Iterator[Server]:
    """A server that wants a token, on each engine."""
    running = Server(replace(engine, webhook_token=TOKEN, max_body_bytes=64 * MIB))
    yield running
    running.stop()


def stored(app: Flask) -> tuple[int, int]:
    """Return how many events the counters of the store know as new, and how many as sent again."""
    contacts = context_of(app).repository.contacts()
    return sum(contact.events for contact in contacts), sum(contact.duplicates for contact in contacts)


def rows(repository: Repository) -> int:
    """Return how many events there are."""
    with repository.database.read() as cursor:
        cursor.execute("SELECT COUNT(*) FROM events")
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def begin(server: Server, size: int, sent: bytes = LARGE, token: str = TOKEN, cluster: str = "prod") -> socket.socket:
    """Begin to send a batch of which only the first bytes come."""
    opened = connect(server.url)
    opened.sendall(head(f"Content-Length: {size}", path=f"/webhook/audit/{cluster}", token=token) + sent)
    return opened


def test_large_batch_is_stored_once_however_often_it_is_sent(guarded: Server) -> None:
    for _ in range(3):
        assert post(guarded.url, LARGE).status == 200
    assert stored(guarded.app) == (30, 60) and rows(context_of(guarded.app).repository) == 30


def test_chunked_batch_is_stored_as_one_of_known_length(guarded: Server) -> None:
    pieces = [LARGE[start:start + 100_000] for start in range(0, len(LARGE), 100_000)]
    chunked = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    with connect(guarded.url) as opened:
        answer = exchange_on(opened, head("Transfer-Encoding: chunked", "Connection: close") + chunked, 10)
    assert answer[9:12] == b"200" and stored(guarded.app) == (30, 0)


def test_connection_goes_on_after_a_large_batch(guarded: Server) -> None:
    with connect(guarded.url) as opened:
        for _ in range(2):
            request = head(f"Content-Length: {len(LARGE)}") + LARGE
            small = event_list([audit_event()])
            answer = exchange_on(opened, request + head(f"Content-Length: {len(small)}") + small, 3)
            assert answer.count(b"HTTP/1.1 200") == 2


def test_batch_that_breaks_off_is_not_acknowledged_and_is_completed_by_the_next_try(guarded: Server) -> None:
    gate = guarded.listener.gate
    for share in (0.3, 0.7):
        begin(guarded, len(LARGE), LARGE[:int(len(LARGE) * share)]).close()
        wait_for(lambda: gate.batches.requests == 0, 30)
    assert 0 < stored(guarded.app)[0] < 30
    assert post(guarded.url, LARGE).status == 200
    assert stored(guarded.app)[0] == 30 == rows(context_of(guarded.app).repository)
    counted = samples(get(f"{guarded.url}/metrics").body)
    assert counted['audit_webhook_events_total{cluster="prod",outcome="stored"}'] == 30


def test_batch_larger_than_the_limit_is_refused_while_it_comes_in_chunks(guarded: Server) -> None:
    chunk = b"100000\r\n" + b"x" * MIB + b"\r\n"
    with connect(guarded.url) as opened:
        opened.settimeout(10)
        try:
            answer = exchange_on(opened, head("Transfer-Encoding: chunked") + chunk * 70, 5)
        except OSError:
            answer = b""
    assert answer[9:12] in (b"400", b"413", b"")
    assert post(guarded.url, event_list([audit_event()])).status == 200


def test_slow_uploads_of_one_sender_hold_up_nobody_else(guarded: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "REQUEST_SECONDS", 300.0)
    gate = guarded.listener.gate
    with ExitStack() as slow:
        for _ in range(2 * UPLOADS):
            slow.enter_context(begin(guarded, len(LARGE), LARGE[:WHOLE_BYTES + 1]))
        wait_for(lambda: gate.batches.requests == 2 * UPLOADS, 30)
        monkeypatch.setattr(gate, "find_client_address", lambda peer, headers: "192.0.2.7")
        for _ in range(3):
            assert post(guarded.url, LARGE).status == 200
            assert post(guarded.url, event_list([audit_event()])).status == 200
        assert get(f"{guarded.url}/healthz").status == 200
        assert gate.batches.requests == 2 * UPLOADS, "the slow ones were there all the time"
    wait_for(lambda: gate.batches.requests == 0, 30)


def test_one_sender_leaves_half_of_the_places_to_others(guarded: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "REQUEST_SECONDS", 300.0)
    gate = guarded.listener.gate
    with ExitStack() as slow:
        for _ in range(128):
            slow.enter_context(begin(guarded, 9, b""))
        wait_for(lambda: refused(guarded, "overload") == 64, 30)
        assert gate.batches.requests == 64
        monkeypatch.setattr(gate, "find_client_address", lambda peer, headers: "192.0.2.7")
        answers = [post(guarded.url, event_list([audit_event()])) for _ in range(20)]
    assert {answer.status for answer in answers} == {200}


def test_upload_that_stalls_is_given_up_and_its_place_is_free(
    guarded: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlines, "REQUEST_SECONDS", 1.0)
    monkeypatch.setattr(deadlines, "LEAST_BYTES_A_SECOND", 100 * MIB)
    with begin(guarded, len(LARGE), LARGE[:5 * MIB]):
        wait_for(lambda: guarded.listener.gate.batches.requests == 0, 30)
    assert refused(guarded, "slow") == 1 and refused(guarded, "malformed") == 0
    assert post(guarded.url, LARGE).status == 200


def test_no_more_is_received_than_is_worked_on(guarded: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    durable = context_of(guarded.app).durable
    go_on = threading.Event()
    receive = durable._receive_part
    monkeypatch.setattr(durable, "_receive_part", lambda *args: (go_on.wait(20), receive(*args))[1])
    answers: list[int] = []
    sender = threading.Thread(target=lambda: answers.append(post(guarded.url, LARGE).status))
    sender.start()
    wait_for(lambda: guarded.listener.gate.batches.requests == 1, 30)
    time.sleep(1)
    (channel,) = [each for each in guarded.listener.active_channels.values() if each.requests]
    assert WHOLE_BYTES <= channel.request.body_bytes_received <= PART_BYTES + 2 * WINDOW_BYTES
    go_on.set()
    sender.join(30)
    assert answers == [200] and stored(guarded.app)[0] == 30
