"""Several processes on the sockets of one parent, which starts each again when it dies.

The parent opens no database and starts no thread, so that it can be forked safely at any time.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from audit_webhook.app import Part
from audit_webhook.config import Config
from audit_webhook.metrics import Metrics, make_board
from audit_webhook.server.balance import Balance, Counts
from audit_webhook.server.listener import DRAIN_SECONDS, bind
from audit_webhook.server.lifetime import END_SECONDS, serve_socket

logger: Final = logging.getLogger(__name__)

STABLE_SECONDS: Final = 10.0
LONGEST_PAUSE_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 0.5
_STOPS: Final = (signal.SIGTERM, signal.SIGINT)
_SIGNALS: Final = (*_STOPS, signal.SIGCHLD)


@dataclass(slots=True)
class Worker:
    """A process to be kept alive: what it does, and how it fares."""

    name: str
    work: Callable[[int], int]
    pid: int = 0
    started: float = 0.0
    pause: float = 0.0
    due: float = field(default=0.0)


def serve(config: Config) -> int:
    """Serve until told to stop, in one process or in several as the settings say; gives the exit code."""
    listening = bind(config.http_host, config.http_port)
    if config.workers == 1 and not config.ui_port:
        return serve_socket(config, listening)
    pages = bind(config.http_host, config.ui_port) if config.ui_port else None
    return Supervisor(_plan(config, listening, pages), [listening, *([pages] if pages else [])]).run()


def _plan(config: Config, listening: socket.socket, pages: socket.socket | None) -> list[Worker]:
    """Give each process its socket, its part of the routes and its place among the counters."""
    board = make_board(config.workers + 1)
    counts = Counts(config.workers)

    def worker(name: str, place: int, own: socket.socket, part: Part) -> Worker:
        def work(parent: int) -> int:
            for other in {listening, pages} - {own, None}:
                other.close()  # type: ignore[union-attr]
            balance = Balance(counts, place) if part != "pages" else None
            return serve_socket(config, own, part, Metrics(board, place), parent, balance)

        return Worker(name, work)

    part: Part = "ingest" if pages else "all"
    plan = [worker(f"worker {number}", number, listening, part) for number in range(config.workers)]
    return plan + ([worker("pages", config.workers, pages, "pages")] if pages else [])


class Supervisor:
    """Starts workers, starts again those that die, and stops them all."""

    def __init__(self, workers: list[Worker], sockets: list[socket.socket]) -> None:
        """Keep these workers on these sockets."""
        self._workers = workers
        self._sockets = sockets
        self._failed = False

    def run(self) -> int:
        """Supervise until told to stop; gives 0 when every worker has then ended in order."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        stopping = False
        deadline = float("inf")
        while not stopping or any(worker.pid for worker in self._workers):
            if not stopping:
                self._start_due()
            got = signal.sigtimedwait(_SIGNALS, LOOK_SECONDS)
            if got and got.si_signo in _STOPS:
                if stopping:
                    self._signal(signal.SIGKILL)
                    return 128 + got.si_signo
                stopping, deadline = True, time.monotonic() + DRAIN_SECONDS + END_SECONDS + 1
                self._stop()
            self._reap(stopping)
            if time.monotonic() > deadline:
                self._signal(signal.SIGKILL)
        logger.info("all processes have stopped")
        return 1 if self._failed else 0

    def _start_due(self) -> None:
        for worker in self._workers:
            if not worker.pid and time.monotonic() >= worker.due:
                self._start(worker)

    def _start(self, worker: Worker) -> None:
        parent = os.getpid()
        worker.started = time.monotonic()
        worker.pid = os.fork()
        if worker.pid == 0:
            _become(worker, parent)
        logger.info("started %s", worker.name, extra={"pid": worker.pid})

    def _reap(self, stopping: bool) -> None:
        for worker in self._workers:
            if not worker.pid:
                continue
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if pid:
                self._note_end(worker, os.waitstatus_to_exitcode(status), stopping)

    def _note_end(self, worker: Worker, code: int, stopping: bool) -> None:
        """Plan the next start: at once after a long life, else after a pause that doubles."""
        worker.pid = 0
        if stopping:
            self._failed = self._failed or code != 0
            return
        lived = time.monotonic() - worker.started
        worker.pause = 0.0 if lived > STABLE_SECONDS else min(max(2 * worker.pause, 1.0), LONGEST_PAUSE_SECONDS)
        worker.due = time.monotonic() + worker.pause
        logger.error("%s died and is started again", worker.name, extra={"code": code, "in_seconds": worker.pause})

    def _stop(self) -> None:
        logger.info("stopping")
        for listening in self._sockets:
            listening.close()
        self._signal(signal.SIGTERM)

    def _signal(self, number: int) -> None:
        for worker in self._workers:
            if worker.pid:
                os.kill(worker.pid, number)


def _become(worker: Worker, parent: int) -> Any:
    """Be the worker in the forked process; never returns into what the parent was doing."""
    code = 1
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
        code = worker.work(parent)
    except BaseException:
        logger.exception("%s failed", worker.name)
        raise
    finally:
        logging.shutdown()
        os._exit(code)
