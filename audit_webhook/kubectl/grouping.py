"""Puts the events of many people and programs together into cards, whatever order they come in.

Requests are kept by actor, address and credential, so that what two people did never meets. Nothing is decided before
it is asked for: a late event takes its place by its time, as if it had come in time.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Final

from audit_webhook.kubectl.card import Card, tell
from audit_webhook.kubectl.joining import MAYBE, NO, YES, fit
from audit_webhook.kubectl.request import Request
from audit_webhook.kubectl.run import Run

MOST_OPEN_RUNS: Final = 5
IDLE: Final = 10_000_000
_in_order: Final = attrgetter("start", "end", "event.audit_id", "uri")


class Grouping:
    """Takes requests one by one, in any order, and gives cards."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._requests: dict[tuple[object, ...], Request] = {}
        self._actors: dict[tuple[object, ...], dict[tuple[object, ...], Request]] = {}

    def add(self, request: Request) -> None:
        """Add one stage of a request."""
        event = request.event
        key = (event.cluster, event.audit_id or event.id or id(request), event.requested, event.verb, request.uri)
        known = self._requests.get(key)
        if known is not None:
            known.absorb(request)
            return
        self._requests[key] = request
        self._actors.setdefault(request.actor, {})[key] = request

    def cards(self) -> list[Card]:
        """Give all cards as far as they are known, in the order in which their commands began."""
        runs = [run for requests in self._actors.values() for run in runs_of(requests.values())]
        return [tell(run) for run in sorted(runs, key=_began)]

    def requests(self) -> list[Card]:
        """Give a card for each request by itself, in the order in which they came in."""
        return [tell(Run(request)) for request in sorted(self._requests.values(), key=_in_order)]

    def take(self, before: int) -> list[Card]:
        """Give the cards of commands that ended long enough before a time, and forget their requests.

        ``before`` is in microseconds since the epoch: what has been quiet for `IDLE` until then is over.
        """
        done = [
            run for requests in self._actors.values() for run in runs_of(requests.values())
            if run.end < before - IDLE and not run.is_open
        ]
        gone = {id(request) for run in done for request in run.requests}
        self._requests = {key: request for key, request in self._requests.items() if id(request) not in gone}
        self._actors = {}
        for key, request in self._requests.items():
            self._actors.setdefault(request.actor, {})[key] = request
        return [tell(run) for run in sorted(done, key=_began)]


def _began(run: Run) -> tuple[int, str]:
    return run.start, run.main.event.audit_id


def cards_of(requests: Iterable[Request]) -> list[Card]:
    """Give the cards of some requests, which may come in any order."""
    grouping = Grouping()
    for request in requests:
        grouping.add(request)
    return grouping.cards()


def runs_of(requests: Iterable[Request]) -> list[Run]:
    """Divide the requests of one actor into runs."""
    runs: list[Run] = []
    recent: list[Run] = []
    for request in sorted(requests, key=_in_order):
        place(request, recent, runs)
        del recent[:-MOST_OPEN_RUNS]
    return runs


def place(request: Request, recent: list[Run], runs: list[Run]) -> None:
    """Add a request to the run that it goes on with, or begin another one; the last one touched is asked first."""
    judged = [(fit(run, request), run) for run in reversed(recent)] if request.is_kubectl else []
    for wanted in (YES, MAYBE):
        for judgement, run in judged:
            if judgement == wanted:
                run.add(request, is_sure=wanted == YES)
                recent.remove(run)
                recent.append(run)
                return
    for judgement, run in judged:
        if judgement == NO and run.committed < len(run.requests) and (rest := _split(run, request)):
            runs.append(rest)
            recent.append(rest)
            return
    run = Run(request)
    runs.append(run)
    recent.append(run)


def _split(run: Run, request: Request) -> Run | None:
    """Take what was not sure to belong to a run away from it when a request goes on with that instead."""
    tail = Run(*run.requests[run.committed :])
    if fit(tail, request) != YES:
        return None
    tail.add(request)
    run.keep(run.requests[: run.committed])
    return tail
