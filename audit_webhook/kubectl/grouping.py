"""Puts the events of many people and programs together into cards, whatever order they come in.

Requests are kept by actor, address and credential, so that what two people did never meets. Nothing is decided before
it is asked for: a late event takes its place by its time, as if it had come in time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Final

from audit_webhook.events.event import Event
from audit_webhook.kubectl.applying import CLIENT_SIDE
from audit_webhook.kubectl.card import Card, tell
from audit_webhook.kubectl.joining import MAYBE, NO, YES, fit
from audit_webhook.kubectl.request import Request
from audit_webhook.kubectl.run import Run

MOST_OPEN_RUNS: Final = 5
IDLE: Final = 10_000_000
UNCHANGED: Final = 250_000
"""How long an apply takes at most from one object that needs no change to the next, in microseconds: it reads schemas
in between, which may not be recorded (190 ms were measured with kubectl 1.32)."""
AMBIGUOUS: Final = "whether each request belongs to this command: several were running at the same time"
Key = tuple[object, ...]
_in_order: Final = attrgetter("start", "end", "event.audit_id", "uri")


class Grouping:
    """Takes requests one by one, in any order, and gives cards."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._requests: dict[Key, Request] = {}
        self._actors: dict[tuple[object, ...], dict[Key, Request]] = {}

    def add(self, request: Request) -> None:
        """Add one stage of a request."""
        event = request.event
        key: Key = (event.cluster, event.audit_id or event.id or id(request), event.verb, request.uri)
        known = self._requests.get(key)
        if known is not None and known.event.requested != event.requested:
            if request.is_copy_of(known):
                known.events += request.events
                return
            if known.is_copy_of(request):
                self._replace(key, known, request)
                return
            key = (*key, event.requested)
            known = self._requests.get(key)
        if known is not None:
            known.absorb(request)
            return
        self._requests[key] = request
        self._actors.setdefault(request.actor, {})[key] = request

    def _replace(self, key: Key, copy: Request, request: Request) -> None:
        """Put a request in the place of its copy, which came first and may have another address."""
        del self._actors[copy.actor][key]
        request.events += copy.events
        self._requests[key] = request
        self._actors.setdefault(request.actor, {})[key] = request

    def cards(self, wanted: Callable[[Event], bool] | None = None) -> list[Card]:
        """Return the cards that are known so far, in the order in which their commands began.

        Only those that hold a wanted event, when it is said which.
        """
        runs = [run for requests in self._actors.values() for run in runs_of(requests.values())]
        if wanted is not None:
            runs = [run for run in runs if any(wanted(event) for each in run.requests for event in each.events)]
        return [tell(run) for run in sorted(runs, key=_began)]

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
    if not request.is_kubectl:
        runs.append(Run(request))
        return
    judged = [(fit(run, request), run) for run in reversed(recent)]
    for wanted in (YES, MAYBE):
        fitting = [run for judgement, run in judged if judgement == wanted]
        if fitting:
            run = fitting[0]
            run.add(request, is_sure=wanted == YES)
            if wanted == YES and request.role != "prelude" and _is_ambiguous(fitting, request):
                run.doubt(AMBIGUOUS)
            recent.remove(run)
            if leading := _unchanged_before(run, recent):
                run.precede(leading)
                recent.remove(leading)
                runs.remove(leading)
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


def _is_ambiguous(fitting: list[Run], request: Request) -> bool:
    """Whether a request could as well go on with another run: one that has not read its object for itself."""
    tied = [run for run in fitting if request.thing in run.seen or request.thing in run.touched]
    return len(fitting) > 1 and len(tied) != 1


def _unchanged_before(run: Run, recent: list[Run]) -> Run | None:
    """Return the run of looks at objects with which the apply of another run began, and that it left as they were."""
    if len(run.deeds) != 1 or run.main.manager != CLIENT_SIDE or run.requests[0].role != "read" or not recent:
        return None
    before = recent[-1]
    is_like = not before.deeds and not before.preludes and len(before.gets()) == len(before.reads)
    is_near = 0 <= run.start - before.end <= UNCHANGED and _is_same_place(before, run)
    return before if is_like and is_near and not any(read.is_table for read in before.reads) else None


def _is_same_place(before: Run, run: Run) -> bool:
    same = before.main.event.user_agent == run.main.event.user_agent and before.main.is_kubectl
    return same and before.main.event.namespace == run.main.event.namespace


def _split(run: Run, request: Request) -> Run | None:
    """Take what was not sure to belong to a run away from it when a request goes on with that instead."""
    tail = Run(*run.requests[run.committed :])
    if fit(tail, request) != YES:
        return None
    tail.add(request)
    run.keep(run.requests[: run.committed])
    return tail
