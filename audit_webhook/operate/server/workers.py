"""The processes of the service, and their parent, which starts each again when it dies or hangs.

The parent opens no database and starts no thread, so that it can be forked safely at any time, and so that a signal or
a process that hangs always finds it ready. A process shows that it is alive by a number that its loop counts up each
second, in memory shared with the parent.
"""

from __future__ import annotations

import ctypes
import logging
import mmap
import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from contextlib import suppress
from typing import Any, Final

from audit_webhook.app import Part
from audit_webhook.config import Config
from audit_webhook.operate.metrics import Metrics, make_counters
from audit_webhook.operate.server.balance import Balance, Counts
from audit_webhook.operate.server.lifetime import END_SECONDS, Place, serve_socket
from audit_webhook.operate.server.listener import DRAIN_SECONDS, bind
from audit_webhook.operate.server.relay import channel_pair
from audit_webhook.operate.server.versions import check_versions

logger: Final = logging.getLogger(__name__)

STABLE_SECONDS: Final = 10.0
LONGEST_PAUSE_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 0.5
HUNG_LOOKS: Final = 60
"""So many looks of the parent at a count that does not change, and the process is taken for hung and killed.

Looks and not seconds: while the whole machine stands still, nobody hangs.
"""
_STOPS: Final = (signal.SIGTERM, signal.SIGINT)
_SIGNALS: Final = (*_STOPS, signal.SIGCHLD)
_IGNORED: Final = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM)
"""What a rotation of logs or a terminal sends: nothing that should end a receiver, least of all without a drain."""
_PR_SET_PDEATHSIG: Final = 1  # prctl(2)


@dataclass(slots=True)
class Worker:
    """A process to be kept alive: what it does, and how it fares."""

    name: str
    work: Callable[[int], int]
    beats: memoryview
    pid: int = 0
    seen: tuple[int, int] = (0, 0)
    """The last count of beats, and how many looks ago it was seen to change."""
    started: float = 0.0
    pause: float = 0.0
    due: float = field(default=0.0)


def serve(config: Config) -> int:
    """Serve until told to stop; return the exit code.

    The processes: those that receive batches, and one for the pages wherever the engine lets two processes write, which
    SQLite does not.
    """
    check_versions()
    listening = bind(config.http_host, config.http_port)
    pages = bind(config.http_host, config.ui_port) if config.ui_port else None
    sockets = [listening, *([pages] if pages else [])]
    return Supervisor(_plan(config, listening, pages), sockets).run()


def _plan(config: Config, listening: socket.socket, pages: socket.socket | None) -> list[Worker]:
    """Return the processes, each with its socket, its part of the routes and its place among the counters."""
    counters = make_counters(config.workers + 1)
    counts = Counts(config.workers)
    beats = share_beats(config.workers + 1)
    has_relay = pages is None and bool(config.db_host)
    sending, taking = channel_pair() if has_relay else (None, None)
    everything = {listening, pages, sending, taking} - {None}

    def worker(name: str, number: int, own: socket.socket, part: Part) -> Worker:
        def work(parent: int) -> int:
            for other in everything - {own, sending if part == "ingest" else None}:
                other.close()  # type: ignore[union-attr]
            balance = Balance(counts, number) if part != "pages" else None
            relay = sending if part == "ingest" else None
            place = Place(part, Metrics(counters, number), parent, balance, relay, beats[number:number + 1])
            return serve_socket(config, own, place)

        return Worker(name, work, beats[number:number + 1])

    own_process = pages or taking
    part: Part = "ingest" if own_process else "all"
    plan = [worker(f"worker {number}", number, listening, part) for number in range(config.workers)]
    return plan + ([worker("pages", config.workers, own_process, "pages")] if own_process else [])


def share_beats(processes: int) -> memoryview:
    """Return a number for each process, in memory that they and their parent share once they are forked."""
    return memoryview(mmap.mmap(-1, processes * 8)).cast("Q")


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
        for number in _IGNORED:
            signal.signal(number, signal.SIG_IGN)  # which the processes inherit
        stopping = False
        deadline = float("inf")
        while not stopping or any(worker.pid for worker in self._workers):
            if not stopping:
                self._start_due()
                self._kill_hung()
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

    def _kill_hung(self) -> None:
        """Kill the processes whose loop has stood still for long; they are started again."""
        for worker in self._workers:
            beat, looks = worker.beats[0], worker.seen[1] + 1
            worker.seen = (beat, looks if beat == worker.seen[0] else 0)
            if worker.pid and beat and worker.seen[1] >= HUNG_LOOKS:
                logger.error("%s hangs and is killed", worker.name, extra={"pid": worker.pid})
                os.kill(worker.pid, signal.SIGKILL)
                worker.seen = (beat, 0)

    def _start(self, worker: Worker) -> None:
        parent = os.getpid()
        worker.beats[0] = 0
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
        _end_with_parent()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
        code = worker.work(parent)
    except BaseException:
        logger.exception("%s failed", worker.name)
        raise
    finally:
        logging.shutdown()
        os._exit(code)


def _end_with_parent() -> None:
    """Let the kernel end this process when its parent is killed, so that no second service meets it on its port.

    Nothing acknowledged is lost: what had no answer is sent again. Where there is no such call, the process notices
    within a second that it has another parent.
    """
    with suppress(AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
