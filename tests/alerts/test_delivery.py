"""Delivery: what waits reaches its sink over real sockets, in as many tries as it takes, whatever the sink does."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from audit_webhook.alerts.notifications import connection, delivery, http_post
from audit_webhook.alerts.notifications.delivery import LEASE, MOST_TRIES, STANDBY_SECONDS
from audit_webhook.alerts.notifications.outbox import News, a_test
from audit_webhook.alerts.stores import open_stores
from audit_webhook.errors import StoreUnavailable
from audit_webhook.storage.repository import Repository
from tests.alerts.sink_server import (
    OK, answering, body_of, dripping, hanging, header_of, listening, resetting, wait_until,
)
from tests.alerts.sink_story import (
    MINUTE, Clock, Make, an_alert, deliver, error_of, prepare, tell, waiting, webhook, write_sinks,
)


def test_webhook_gets_signed_json_with_a_link(
    repository: Repository, make: Make, clock: Clock, tmp_path: Path
) -> None:
    with listening(answering(OK)) as server:
        (tmp_path / "secret").write_text("s3cret\n")
        secret = f'secret_file = "{tmp_path / "secret"}"'
        shelf = write_sinks(tmp_path, webhook("hook", server.url, secret, 'token = "t0ken"'))
        prepare(repository, clock, shelf)
        deliver(make(shelf))
    (request,) = server.received
    body, stamp = body_of(request), clock.now // 1_000_000
    expected = hmac.new(b"s3cret", b"%d.%s" % (stamp, body), hashlib.sha256).hexdigest()
    assert header_of(request, "X-Audit-Signature") == f"t={stamp},v1={expected}"
    assert header_of(request, "Authorization") == "Bearer t0ken"
    found = json.loads(body)
    assert header_of(request, "X-Audit-Message-Id") == found["id"]
    assert (found["kind"], found["hits"], found["severity"], found["alerts"][0]["actor"]) == (
        "firing", 1, "high", "mallory")
    assert found["alerts"][0]["url"] == f"https://audit.example.com/alerts/{an_alert().id.hex()}"
    assert waiting(repository) == []
    state = open_stores(repository.database).outbox.states()["hook"]
    assert (state.sent, state.failed, state.succeeded) == (1, 0, clock.now)


@pytest.mark.parametrize(("talk", "said"), [
    pytest.param(answering(b"HTTP/1.1 503 Busy\r\nRetry-After: 99\r\nContent-Length: 0\r\n\r\n", OK), "503", id="5xx"),
    pytest.param(answering(b"HTTP/1.1 400 Bad\r\nContent-Length: 6\r\n\r\ns3cret", OK), "answered 400", id="4xx"),
    pytest.param(answering(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n", OK),
                 "redirect, which is not followed", id="redirect"),
    pytest.param(answering(b"220 not HTTP\r\n", OK), "cannot be read", id="nonsense"),
    pytest.param(answering(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000, OK), "cannot be read", id="long header"),
])
def test_refused_message_is_sent_again_under_the_same_id(
    repository: Repository, make: Make, clock: Clock, tmp_path: Path, talk: Callable[..., None], said: str
) -> None:
    with listening(talk) as server:
        shelf = write_sinks(tmp_path, webhook("hook", server.url))
        prepare(repository, clock, shelf)
        one = make(shelf)
        deliver(one)
        assert said in error_of(repository, "hook") and "s3cret" not in error_of(repository, "hook")
        (message,) = waiting(repository)
        assert message.tries == 1 and message.due > clock.now
        deliver(one)
        assert len(server.received) == 1  # not before it is due
        clock.now = message.due + MINUTE * 2
        deliver(one)
        assert len({header_of(each, "X-Audit-Message-Id") for each in server.received}) == 1
    assert len(server.received) == 2 and waiting(repository) == []


def test_reset_and_refused_connections_are_failures(
    repository: Repository, make: Make, clock: Clock, tmp_path: Path
) -> None:
    with listening(resetting) as server, listening(hanging) as gone:
        gone.stopped.set()
        shelf = write_sinks(tmp_path, webhook("reset", server.url), webhook("gone", "http://127.0.0.1:1/"))
        prepare(repository, clock, shelf)
        deliver(make(shelf))
        assert len(server.received) == 1
    assert "reset" in error_of(repository, "reset") and "refused" in error_of(repository, "gone")
    assert {each.sink for each in waiting(repository)} == {"reset", "gone"}


def test_sink_that_hangs_holds_up_no_other(
    repository: Repository, make: Make, clock: Clock, tmp_path: Path
) -> None:
    with listening(hanging) as slow, listening(answering(OK)) as quick:
        shelf = write_sinks(tmp_path, webhook("slow", slow.url), webhook("quick", quick.url))
        prepare(repository, clock, shelf, 20)
        one = make(shelf)
        one.work()
        wait_until(lambda: len(quick.received) == 20 and len(slow.received) == 1)
        assert one.work() == delivery.PAUSE_SECONDS and one._threads["slow"].is_alive()
        slow.stopped.set()
        wait_until(lambda: not any(thread.is_alive() for thread in one._threads.values()))
    assert len(waiting(repository, "slow")) == 20 and waiting(repository, "quick") == []


@pytest.mark.parametrize("talk", [hanging, dripping], ids=["hangs", "drips"])
def test_sink_that_hangs_or_drips_is_given_up(
    repository: Repository, make: Make, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    talk: Callable[..., None]
) -> None:
    monkeypatch.setattr(http_post, "WHOLE_SECONDS", 0.5)
    with listening(talk) as slow:
        shelf = write_sinks(tmp_path, webhook("slow", slow.url))
        prepare(repository, clock, shelf)
        deliver(make(shelf))
        assert "did not end within 0.5 seconds" in error_of(repository, "slow")
    assert len(waiting(repository, "slow")) == 1 and len(slow.received) == 1


def test_message_is_dead_after_many_tries_and_can_be_sent_again(
    repository: Repository, make: Make, clock: Clock, tmp_path: Path
) -> None:
    answers = [b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"] * MOST_TRIES + [OK]
    store = open_stores(repository.database).outbox
    with listening(answering(*answers)) as server:
        shelf = write_sinks(tmp_path, webhook("hook", server.url))
        prepare(repository, clock, shelf)
        one, tries = make(shelf), 0
        while waiting(repository):
            clock.now += 70 * MINUTE
            deliver(one)
            tries += 1
        (dead,) = store.messages("dead", "", 10)
        assert (tries, dead.tries, dead.error) == (MOST_TRIES, MOST_TRIES, "it answered 500")
        assert store.revive_one(dead.id, clock.now) and not store.revive_one(dead.id, clock.now)
        clock.now += 10 * MINUTE
        deliver(one)
        assert {header_of(each, "X-Audit-Message-Id") for each in server.received} == {dead.id.hex()}
    assert store.counts() == {} and len(server.received) == MOST_TRIES + 1


def test_test_message_is_tried_once(repository: Repository, make: Make, clock: Clock, tmp_path: Path) -> None:
    with listening(answering(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")) as server:
        shelf = write_sinks(tmp_path, webhook("hook", server.url))
        open_stores(repository.database).outbox.add(a_test("hook", clock.now))
        deliver(make(shelf))
        assert json.loads(body_of(server.received[0]))["kind"] == "test"
    assert open_stores(repository.database).outbox.counts() == {} and error_of(repository, "hook")


def test_one_process_delivers_and_another_takes_over_when_it_is_gone(
    repository: Repository, make: Make, clock: Clock, tmp_path: Path
) -> None:
    with listening(answering(OK)) as server:
        shelf = write_sinks(tmp_path, webhook("hook", server.url))
        one, two = make(shelf), make(shelf)
        one.work()
        prepare(repository, clock, shelf)
        assert two.work() == STANDBY_SECONDS and server.received == []
        clock.now += LEASE + 1
        deliver(two)
        assert len(server.received) == 1
        one._renewed = float("-inf")
        assert one.work() == STANDBY_SECONDS


def test_database_that_is_away_stops_nothing_for_good(
    repository: Repository, make: Make, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening(answering(OK)) as server:
        shelf = write_sinks(tmp_path, webhook("hook", server.url))
        prepare(repository, clock, shelf)
        one = make(shelf)
        deliver_first = repository.database.read
        with monkeypatch.context() as patch:
            def away(*given: object) -> None:
                raise StoreUnavailable("away")

            patch.setattr(repository.database, "read", away)
            patch.setattr(repository.database, "write", away)
            assert one.work() == STANDBY_SECONDS
        assert repository.database.read == deliver_first
        with monkeypatch.context() as patch:
            patch.setattr(one._store, "note_sent", away)  # it goes away between sending and noting it
            deliver(one)
        assert len(server.received) == 1 and len(waiting(repository)) == 1
        clock.now += MINUTE
        deliver(one)
        assert len({header_of(each, "X-Audit-Message-Id") for each in server.received}) == 1
    assert len(server.received) == 2 and waiting(repository) == []


def test_sinks_are_read_again_and_a_broken_file_changes_nothing(
    repository: Repository, make: Make, clock: Clock, tmp_path: Path
) -> None:
    with listening(answering(OK)) as first, listening(answering(OK)) as second:
        shelf = write_sinks(tmp_path, webhook("hook", first.url))
        prepare(repository, clock, shelf, 2)
        (tmp_path / "sinks.toml").write_text("[[sink]]\nname = 'hook'\nkind = 'odd'\n")
        one = make(shelf)
        deliver(one)
        assert len(first.received) == 2 and "sink hook: kind: is one of" in shelf.trouble
        write_sinks(tmp_path, webhook("hook", second.url))
        tell(repository, shelf, clock.now + 10 * MINUTE, News(an_alert(1), 1, "hook"))
        clock.now += 10 * MINUTE
        deliver(one)
        assert len(second.received) == 1 and shelf.trouble == ""


def test_what_is_no_longer_needed_is_forgotten(
    repository: Repository, make: Make, clock: Clock, tmp_path: Path
) -> None:
    with listening(answering(OK)) as server:
        shelf = write_sinks(tmp_path, webhook("hook", server.url, 'group_interval = "5m"'))
        prepare(repository, clock, shelf)
        one, store = make(shelf), open_stores(repository.database).outbox
        deliver(one)
        for minutes, sent, told in ((4, 1, ["hook"]), (6, 0, ["hook"]), (367 * 24 * 60, 0, [])):
            clock.now += minutes * MINUTE
            one._tidied = float("-inf")
            one.work()
            with repository.database.write() as cursor:
                assert store.sinks_told(cursor, an_alert().id) == told
            assert len(store.messages("sent", "hook", 9)) == sent


def test_no_thread_is_left_when_delivery_ends(
    repository: Repository, make: Make, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_post, "WHOLE_SECONDS", 0.3)
    assert connection.WHOLE_SECONDS > connection.CALL_SECONDS
    with listening(hanging) as server:
        shelf = write_sinks(tmp_path, webhook("hook", server.url))
        prepare(repository, clock, shelf)
        one = make(shelf)
        one.work()
        wait_until(lambda: bool(server.received))
        one.stopped.set()
        one.finish()
    assert "sink hook" not in {thread.name for thread in threading.enumerate()}
    other = make(shelf)
    assert other.work() == delivery.PAUSE_SECONDS  # the lease was left behind
