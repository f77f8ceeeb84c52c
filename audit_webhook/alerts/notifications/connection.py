"""Connections to sinks that end after a time, whatever the other side does."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

CALL_SECONDS: Final = 10.0
"""How long a single step, such as a connection, may take."""
WHOLE_SECONDS: Final = 20.0
"""How long all of one try may take."""


class DeliveryFailed(Exception):
    """A sink did not take a message; ``wait`` is for how many seconds it asked to be left alone."""

    def __init__(self, message: str, wait: float = 0.0) -> None:
        """Say why, without anything secret: texts come from here and from the operating system alone."""
        super().__init__(message)
        self.wait: Final = wait


class Cut:
    """Whether a connection was cut because it took too long."""

    def __init__(self) -> None:
        """Begin with one that was not."""
        self.is_done = False


def tls_context(ca_file: str) -> ssl.SSLContext:
    """Return what verifies a server's certificate and name; raises DeliveryFailed when the file is gone."""
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ValueError) as error:
        raise DeliveryFailed("ca_file cannot be read") from error


@contextmanager
def cut_after(connection: socket.socket, seconds: float) -> Iterator[Cut]:
    """Cut a connection when the block takes longer, though each single answer may come in time.

    A copy of the connection is cut, so that it does not matter whether the block encrypts it meanwhile.
    """
    cut, twin = Cut(), connection.dup()

    def end() -> None:
        cut.is_done = True
        with suppress(OSError):
            twin.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield cut
    finally:
        timer.cancel()
        twin.close()


def reason_of(error: Exception) -> str:
    """Return what went wrong on a connection, in words that hold nothing that the other side chose."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"encryption failed: {error.reason or type(error).__name__}"
    if isinstance(error, socket.gaierror):
        return "its name cannot be found"
    if isinstance(error, TimeoutError):
        return f"it did not answer within {CALL_SECONDS:.0f} seconds"
    if isinstance(error, OSError):
        return error.strerror or "it ended the connection without an answer"
    return f"its answer cannot be read ({type(error).__name__})"
