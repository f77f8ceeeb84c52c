"""Watches without a recorded end are told as far as the recorded facts go, and no further."""

from __future__ import annotations

from audit_webhook.context import context_of
from audit_webhook.explore.losses.watch_ends import (
    FEWEST, LONGEST_SECONDS, SECOND, Cut, WatchEnds, find_missing_ends, judge,
)
from audit_webhook.ingest.receive import receive
from audit_webhook.storage.repository import Repository
from tests.conftest import Server
from tests.factories import NOON_US, audit_event, event_list
from tests.serving import connect

NOW = NOON_US + 7200 * SECOND


def watch(number: int, began: float, ended: float | None, timeout: int | None = 600) -> list[dict[str, object]]:
    """Make the events of a watch that begins and ends so many seconds after noon."""
    uri = f"/api/v1/pods?watch=true{f'&timeoutSeconds={timeout}' if timeout else ''}&resourceVersion={number}"
    common = {"verb": "watch", "auditID": f"watch-{number}", "requestURI": uri}
    events = [audit_event(began, stage="ResponseStarted", **common)]
    return events + ([audit_event(ended, stage="ResponseComplete", **common)] if ended is not None else [])


def stored(repository: Repository, *watches: list[dict[str, object]], now: int = NOW) -> WatchEnds:
    receive(repository, "prod", event_list([event for each in watches for event in each]), NOON_US)
    return find_missing_ends(repository, "prod", now)


def test_killed_apiserver_is_told_by_the_watches_that_it_cut(repository: Repository) -> None:
    whole = [watch(number, number * 10, number * 10 + 600) for number in range(20)]
    cut = [watch(100 + number, 1000 + number, None) for number in range(8)]
    found = stored(repository, *whole, *cut)
    assert found == found._replace(ended=28, without_end=8, is_recorded=True)
    assert found.cuts == (
        Cut(8, NOON_US + 1007 * SECOND, NOON_US + 1600 * SECOND),
    )


def test_two_restarts_are_two_cuts_and_few_watches_are_none(repository: Repository) -> None:
    first = [watch(number, 100 + number, None) for number in range(4)]
    second = [watch(50 + number, 3000 + number, None) for number in range(5)]
    lone = [watch(90 + number, 5000 + number, None) for number in range(FEWEST - 1)]
    found = stored(repository, *first, *second, *lone, watch(99, 0, 300))
    assert [cut.watches for cut in found.cuts] == [4, 5] and found.without_end == 11


def test_watch_that_may_still_be_open_is_not_missed(repository: Repository) -> None:
    open_ones = [watch(number, 6900, None) for number in range(5)]
    endless = [watch(50 + number, 7200 - LONGEST_SECONDS, None, timeout=None) for number in range(5)]
    found = stored(repository, *open_ones, *endless, watch(99, 0, 300))
    assert (found.ended, found.without_end) == (1, 0)


def test_policy_that_leaves_ends_out_tells_nothing(repository: Repository) -> None:
    found = stored(repository, *[watch(number, number, None) for number in range(9)])
    assert not found.is_recorded


def test_nothing_recorded_is_nothing_told() -> None:
    found = judge([], NOW)
    assert (found.ended, found.without_end, found.cuts) == (0, 0, ())


def test_tls_on_the_plain_port_is_told_with_its_sender_at_once(server: Server) -> None:
    with connect(server.url) as opened:
        opened.sendall(bytes.fromhex("1603010200010001fc0303") + b"\x00" * 300)
        opened.settimeout(8)
        assert b" 400 " in opened.recv(4096)[:20]
    parts = context_of(server.app)
    parts.refusals.flush()
    (loss,), _ = parts.losses.list_losses(0, 2 * NOW)
    assert loss.address == "127.0.0.1" and loss.reason.startswith("TLS was sent to a port that takes plain HTTP")
