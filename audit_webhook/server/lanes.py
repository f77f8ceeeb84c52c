"""The threads that answer: a lane for each kind of request, so that none has to wait behind another kind.

A page that searches long never holds up a batch, and while every batch waits for a frozen database, probes and refusals
are answered at once.
"""

from __future__ import annotations

from typing import Any, Final

from waitress.task import ThreadedTaskDispatcher

from audit_webhook.server.gate import lane_of

THREADS: Final = {"refusals": 1, "ops": 2, "ingest": 4, "pages": 8}
"""Batches share one interpreter and one writing connection: more threads only take turns, each with cold caches."""


class Lanes:
    """What waitress takes for one dispatcher of tasks."""

    def __init__(self) -> None:
        """Start the threads."""
        self._lanes = {name: ThreadedTaskDispatcher() for name in THREADS}
        for name, lane in self._lanes.items():
            lane.set_thread_count(THREADS[name])

    def add_task(self, channel: Any) -> None:
        """Let the first request that waits on a channel be answered."""
        request = channel.requests[0]
        name = "refusals" if request.error else lane_of("/" + request.path.lstrip("/"))
        self._lanes[name].add_task(channel)

    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> bool:
        """Stop the threads that are idle; what still waits is cancelled."""
        done = [lane.shutdown(cancel_pending, timeout) for lane in self._lanes.values()]  # type: ignore[arg-type]
        return all(done)
