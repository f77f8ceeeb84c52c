"""A process that serves: from its start to the signal that ends it."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from typing import Any, Final, NamedTuple

from flask import Flask

from audit_webhook.app import Part, create_app
from audit_webhook.config import Config
from audit_webhook.context import context_of
from audit_webhook.operate.metrics import Metrics
from audit_webhook.operate.server.balance import Balance
from audit_webhook.operate.server.listener import Listener
from audit_webhook.operate.server.relay import PageRelay, RelayListener

logger: Final = logging.getLogger(__name__)

GRACE_SECONDS: Final = 3.0  # until a load balancer has seen that the process is not ready
END_SECONDS: Final = 2.0  # what goes on in the background may be cut off at any moment
CONTAINERS_BEFORE_LOOK: Final = 100_000
"""Objects made and not yet freed before Python looks for cycles; a batch of events makes thousands, none in a cycle."""
SWITCH_SECONDS: Final = 0.0005
"""After which a thread that computes lets another one go on: one that has its answer from the database waits no longer.

Python's own 5 ms would be added to each of the statements of a batch while another batch is being read.
"""
_STOPS: Final = (signal.SIGTERM, signal.SIGINT)
_M_ARENA_MAX: Final = -8  # malloc.h of glibc


class Place(NamedTuple):
    """What one process of several is to do, and what it shares with the others."""

    part: Part
    metrics: Metrics
    parent: int
    """The number of the parent process; its end is like SIGTERM."""
    balance: Balance | None
    """Among the processes that accept on one socket."""
    relay: socket.socket | None
    """Where requests for pages are handed over to the process that answers them."""
    beats: memoryview
    """One number, counted up while the process is alive."""


def serve_socket(config: Config, listening: socket.socket, place: Place) -> int:
    """Serve on a socket until SIGTERM, finish what was accepted, return the exit code; a second signal ends at once."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)  # until the handlers are there
    share_heap()
    app = create_app(config, place.part, place.metrics)
    parts = context_of(app)
    listener = _listen(app, config, listening, place)

    def stop(number: int, *_: Any) -> None:
        if parts.stopping.is_set():
            os._exit(128 + number)
        parts.stopping.set()
        listener.drain(0.0 if config.is_development or number == signal.SIGINT else GRACE_SECONDS)

    def tick() -> None:
        listener.gate.note_in_flight()
        place.beats[0] += 1
        if os.getppid() != place.parent and not parts.stopping.is_set():
            logger.warning("the parent process is gone")
            parts.stopping.set()
            listener.drain()

    listener.on_tick = tick
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent asks to end
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
    _spare_collector()
    sys.setswitchinterval(SWITCH_SECONDS)
    if listening.family != socket.AF_UNIX:
        host, port = listening.getsockname()[:2]
        shown = "localhost" if host in ("127.0.0.1", "0.0.0.0") else host
        logger.info("listening on http://%s:%d", shown, port, extra={"serves": place.part})
    began = time.monotonic()
    listener.run()
    ending = threading.Thread(target=app.extensions["workers"].stop, daemon=True)
    ending.start()
    ending.join(END_SECONDS)
    parts.refusals.flush()
    parts.repository.close()
    logger.info("stopped", extra={"served_seconds": round(time.monotonic() - began, 1)})
    return 0


def _listen(app: Flask, config: Config, listening: socket.socket, place: Place) -> Listener:
    """Return what answers on a socket."""
    if listening.family == socket.AF_UNIX:
        return RelayListener(app, config, listening, takes_batches=False)
    answers = PageRelay(app, place.relay) if place.relay else app
    return Listener(app, config, listening, place.part != "pages", place.balance, answers)


def share_heap() -> None:
    """Let all threads take their memory from one heap (mallopt(3), M_ARENA_MAX); to be called before there are any.

    glibc gives each thread one of its own, so that none waits for another. Python lets one thread run at a time, and
    what a batch has left behind in one heap was of no use to the next batch in another. Other C libraries have no such
    switch.
    """
    with suppress(AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def _spare_collector() -> None:
    """Let the collector of cycles leave alone what lives as long as the process, and look more rarely."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(CONTAINERS_BEFORE_LOOK)
