"""The threads that answer: a lane for each kind of request, so that none has to wait behind another kind.

A page that searches long never holds up a batch, and while every batch waits for a frozen database, probes and refusals
are answered at once.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any, Final

from waitress.task import ThreadedTaskDispatcher

from audit_webhook.operate.server.gate import lane_of
from audit_webhook.operate.server.limits import is_beyond_share

THREADS: Final = {"refusals": 1, "ops": 2, "ingest": 4, "pages": 8}
"""Batches share one interpreter and one writing connection: more threads only take turns, each with cold caches."""
UPLOADS: Final = 4
"""Large batches that are answered while they come. Each holds a few MiB; the others wait, not yet received."""


class Lanes:
    """What waitress takes for one dispatcher of tasks."""

    def __init__(self) -> None:
        """Start the threads."""
        self._lanes: dict[str, Any] = {name: ThreadedTaskDispatcher() for name in THREADS}
        self._lanes["uploads"] = Uploads()
        for name, count in THREADS.items():
            self._lanes[name].set_thread_count(count)

    def add_task(self, channel: Any) -> None:
        """Let the first request that waits on a channel be answered."""
        request = channel.requests[0]
        name = "refusals" if request.error else lane_of("/" + request.path.lstrip("/"))
        self._lanes["uploads" if request.is_started else name].add_task(channel)

    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> bool:
        """Stop the threads that are idle; what still waits is cancelled."""
        done = [lane.shutdown(cancel_pending, timeout) for lane in self._lanes.values()]
        return all(done)


class Uploads:
    """The threads for large batches: one sender whose batches come slowly leaves half of them to others."""

    def __init__(self) -> None:
        """Start the threads."""
        self._threads: Any = ThreadedTaskDispatcher()
        self._threads.set_thread_count(UPLOADS)
        self._waiting: list[Any] = []
        self._running: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add_task(self, channel: Any) -> None:
        """Let the batch that comes on a channel be answered as soon as its sender has a place."""
        with self._lock:
            self._waiting.append(channel)
        self._start_next()

    def shutdown(self, cancel_pending: bool, timeout: float) -> bool:
        """Stop the threads that are idle; what still waits is cancelled."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for channel in waiting:
            channel.cancel()
        return bool(self._threads.shutdown(cancel_pending, timeout))

    def end(self, owner: str) -> None:
        """Note that a batch of a sender was answered."""
        with self._lock:
            self._running[owner] -= 1
            if not self._running[owner]:
                del self._running[owner]
        self._start_next()

    def _start_next(self) -> None:
        with self._lock:
            taken = self._running.total()
            for channel in self._waiting:
                owner = channel.requests[0].owner if channel.requests else ""
                if taken < UPLOADS and not is_beyond_share(self._running[owner], taken, UPLOADS):
                    self._waiting.remove(channel)
                    self._running[owner] += 1
                    self._threads.add_task(_Turn(self, channel, owner))
                    return


class _Turn:
    """A batch that has its place."""

    def __init__(self, uploads: Uploads, channel: Any, owner: str) -> None:
        self._uploads = uploads
        self._channel = channel
        self._owner = owner

    def service(self) -> None:
        """Answer it."""
        try:
            self._channel.service()
        finally:
            self._uploads.end(self._owner)

    def cancel(self) -> None:
        """Drop it."""
        self._channel.cancel()
