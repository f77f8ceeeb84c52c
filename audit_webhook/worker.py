"""Background threads that survive whatever their task raises."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final, Self

logger: Final = logging.getLogger(__name__)

FIRST_RETRY_SECONDS: Final = 1.0
LONGEST_RETRY_SECONDS: Final = 60.0


class Worker:
    """Repeats a task in a thread of its own until it is stopped.

    A subclass implements `work`. An exception that `work` does not handle is logged with its traceback, counted with
    `note_failure`, and the task is tried again after a pause that doubles up to a minute.
    """

    name: str = "worker"
    first_pause: float = 0.0
    """Seconds from the start of the thread until the task runs first."""
    stop_seconds: float = 5.0
    """Seconds that `stop` waits for the thread to end."""

    def __init__(self) -> None:
        """Prepare the thread; nothing runs yet."""
        self.stopped: Final = threading.Event()
        self.note_failure: Callable[[str], None] = _ignore
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    def start(self) -> None:
        """Begin in the background."""
        self._thread.start()

    def stop(self) -> None:
        """End after the run at hand, waiting at most `stop_seconds` for it."""
        self.stopped.set()
        if self._thread.is_alive():
            self._thread.join(self.stop_seconds)

    def work(self) -> float:
        """Do the task once; return the seconds until the next run."""
        raise NotImplementedError

    def finish(self) -> None:
        """Do what is left to do once, after the last run; nothing by default."""

    def attempt(self, task: Callable[[], float | None]) -> float | None:
        """Return what a task returns, or None after logging and counting its failure."""
        try:
            return task()
        except Exception as error:  # any error at all: the thread has to go on
            self._fail(error)
            return None

    def _fail(self, error: Exception) -> None:
        """Log and count a failure; what fails in doing so must not end the thread either."""
        logger.error("background task %r failed and will be tried again", self.name, exc_info=error)
        try:
            self.note_failure(self.name)
        except Exception as another:
            logger.error("a failed background task could not be counted", exc_info=another)

    def _run(self) -> None:
        pause, retry = self.first_pause, FIRST_RETRY_SECONDS
        while not self.stopped.wait(pause):
            following = self.attempt(self.work)
            if following is None:
                pause, retry = retry, min(2 * retry, LONGEST_RETRY_SECONDS)
            else:
                pause, retry = following, FIRST_RETRY_SECONDS
        self.attempt(self.finish)


class Workers:
    """Everything that an application does in the background: started in order, stopped in reverse."""

    def __init__(self, *workers: Worker, note_failure: Callable[[str], None] | None = None) -> None:
        """Take the workers; none is started yet. ``note_failure`` is called with the name of one that failed."""
        self._workers = workers
        for worker in workers:
            worker.note_failure = note_failure or _ignore

    def start(self) -> Self:
        """Start each; one that cannot start does not keep the others from it."""
        for worker in self._workers:
            worker.attempt(worker.start)
        return self

    def stop(self) -> None:
        """Ask all of them to stop at once, then wait for each, at most its ``stop_seconds``."""
        for worker in self._workers:
            worker.stopped.set()
        for worker in reversed(self._workers):
            worker.attempt(worker.stop)


def _ignore(name: str) -> None:
    pass
