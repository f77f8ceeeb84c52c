"""Examines chunks in this process, or in several of their own so that every core helps."""

from __future__ import annotations

import gc
import multiprocessing
import os
import secrets
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Final, Self

from audit_webhook.evidence.verify.examine import Examined, Part, examine

MANY_EVENTS: Final = 50_000
MOST_PROCESSES: Final = 8
GROUPS_AHEAD: Final = 2
"""Groups of chunks that wait for each process, so that none is ever idle."""
CONTAINERS_BEFORE_LOOK: Final = 100_000


class Examiners:
    """Processes that examine chunks; with ``processes`` of 0 this one does. To be opened before any thread runs."""

    def __init__(self, processes: int = 0) -> None:
        """Start so many processes."""
        self.secret: Final = secrets.token_bytes(16)
        self.ahead: Final = GROUPS_AHEAD * processes
        self._pool: Final = _start(processes) if processes else None

    def examine(self, parts: Sequence[Part]) -> Future[Examined]:
        """Return what will have come of examining some chunks."""
        if self._pool is not None:
            return self._pool.submit(examine, parts, self.secret)
        done: Future[Examined] = Future()
        done.set_result(examine(parts, self.secret))
        return done

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def processes_for(events: int) -> int:
    """Return how many processes are worth their start for so many events."""
    cores = len(os.sched_getaffinity(0))
    return min(cores, MOST_PROCESSES) if cores > 1 and events >= MANY_EVENTS else 0


def spare_collector() -> None:
    """Let the collector of cycles look rarely: millions of rows come and go, none of them in a cycle."""
    gc.freeze()
    gc.set_threshold(CONTAINERS_BEFORE_LOOK)


def _start(processes: int) -> ProcessPoolExecutor:
    """Start processes by forking: they share the seed of Python's hashes, on which sums of postings depend."""
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("fork"), spare_collector)
    for started in [pool.submit(examine, (), b"") for _ in range(processes)]:
        started.result()
    return pool
