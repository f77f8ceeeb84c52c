"""Spreads the connections over the processes that accept on one socket.

A kube-apiserver keeps a connection for hours, so that chance would leave one process with most of the work: whoever has
more connections than another one leaves the next to that one, and takes it after all when that one does not.
"""

from __future__ import annotations

import mmap
import time
from typing import Final

WAIT_SECONDS: Final = 0.005
LOOK_SECONDS: Final = 0.001
"""How soon a process that leaves a connection to others looks again whether it still has more than they."""
SAME_SECONDS: Final = 0.015
"""A connection that waits so long after one was left to others is taken for that one."""
_BYTES: Final = 4


class Counts:
    """How many connections each of some processes has, in memory that they share once they are forked."""

    def __init__(self, places: int) -> None:
        """Begin with none."""
        self.numbers: Final = memoryview(mmap.mmap(-1, places * _BYTES)).cast("I")


class Balance:
    """Tells one process whether to accept now."""

    def __init__(self, counts: Counts | None = None, place: int = 0) -> None:
        """Stand for this place of the counts; without them, for a process that is alone."""
        self._numbers: Final = (counts or Counts(1)).numbers
        self._place: Final = place
        self._waits_from = float("-inf")
        self.note(0)

    def note(self, connections: int) -> None:
        """Note how many connections this process has."""
        self._numbers[self._place] = connections

    def leaves_it(self) -> bool:
        """Whether a connection that waits is left to a process with fewer, which it is for a moment at most."""
        now = time.monotonic()
        if not self._has_more():
            return False
        if now - self._waits_from > SAME_SECONDS:
            self._waits_from = now
            return True
        if now - self._waits_from >= WAIT_SECONDS:
            self._waits_from = float("-inf")  # the next one is left to others anew
            return False
        return True

    def is_waiting(self) -> bool:
        """Whether a connection was left to another process just now, and would be again."""
        return time.monotonic() - self._waits_from < WAIT_SECONDS and self._has_more()

    def _has_more(self) -> bool:
        return self._numbers[self._place] > min(self._numbers)
