"""A limit in time for all that a request still does, which every layer below finds without being handed it.

A database that hangs must not hold a request longer than its sender waits: a kube-apiserver gives up after 30 seconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, NamedTuple

LOOK_SECONDS: Final = 0.1


class _Limit(NamedTuple):
    end: float
    is_futile: Callable[[], bool]


def _never() -> bool:
    return False


_limit: Final[ContextVar[_Limit]] = ContextVar("limit", default=_Limit(float("inf"), _never))


@contextmanager
def within(seconds: float, is_futile: Callable[[], bool] | None = None) -> Iterator[None]:
    """Give the block so many seconds, never more than an enclosing block has left.

    Who waits for a lock inside of it also gives up as soon as ``is_futile`` says that there is no point.
    """
    outer = _limit.get()
    token = _limit.set(_Limit(min(outer.end, time.monotonic() + seconds), is_futile or outer.is_futile))
    try:
        yield
    finally:
        _limit.reset(token)


def left(most: float) -> float:
    """Give how many seconds the next step may take: at most so many; raises TimeoutError when none are left."""
    seconds = _limit.get().end - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("timed out and was given up")
    return min(most, seconds)


def has_passed() -> bool:
    """Whether the time is over; cheap enough to be asked within a query."""
    return time.monotonic() > _limit.get().end


def check() -> None:
    """Raise TimeoutError when the time is over; long work asks at each step, such as an event of a page."""
    left(0.0)


@contextmanager
def held(lock: threading.Lock) -> Iterator[None]:
    """Hold a lock during the block; raises TimeoutError when it cannot be had in time."""
    while not lock.acquire(timeout=left(LOOK_SECONDS)):
        if _limit.get().is_futile():
            raise TimeoutError("waiting has no point any more")
    try:
        yield
    finally:
        lock.release()
