"""Counts failures by name, so that guessing stays slow; no I/O."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

MOST_KEYS: Final = 10_000


class Throttle:
    """Lets a key fail so often within some seconds; the keys longest unused are forgotten first."""

    def __init__(self, failures: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Allow so many failures in any stretch of so many seconds."""
        self._failures: Final = failures
        self._seconds: Final = seconds
        self._clock = clock
        self._times: OrderedDict[str, list[float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, key: str) -> int:
        """Give the whole seconds until the key may try again; 0 when it may now."""
        with self._lock:
            times = self._recent(key)
            if len(times) < self._failures:
                return 0
            return int(times[0] + self._seconds - self._clock()) + 1

    def fail(self, key: str) -> None:
        """Note a failure."""
        with self._lock:
            self._times[key] = [*self._recent(key), self._clock()][-self._failures:]
            self._times.move_to_end(key)
            if len(self._times) > MOST_KEYS:
                self._times.popitem(last=False)

    def forget(self, key: str) -> None:
        """Begin anew after a success."""
        with self._lock:
            self._times.pop(key, None)

    def _recent(self, key: str) -> list[float]:
        since = self._clock() - self._seconds
        return [moment for moment in self._times.get(key, ()) if moment > since]
