"""Lets one process answer the pages of others: the requests go over, the answers come back.

A process that receives batches hands each request for a page to the pages' process over a socket pair of their own
(SCM_RIGHTS, unix(7)): no port, no file and no name by which another program could reach it. So no page takes the
interpreter, the memory or the database connections of a process that receives.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable, Iterator
from typing import Any, Final

from audit_webhook.operate.server.gate import lane_of
from audit_webhook.operate.server.listener import Listener

HAND_OVER_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 45.0
"""Longer than any page may take: the pages' process answers when a page's own time is over."""
PIECE_BYTES: Final = 64 * 1024
_MESSAGE_BYTES: Final = 256
_HOP_BY_HOP: Final = {
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding",
    "upgrade",
}
"""Headers of one connection, not of the answer (RFC 9110, section 7.6.1)."""
_AWAY: Final = b"The pages are being started again. Please try again in a few seconds.\n"

Start = Callable[[str, list[tuple[str, str]]], Any]


class PageRelay:
    """A WSGI application that answers batches and probes itself and lets another process answer everything else."""

    def __init__(self, app: Callable[[dict[str, Any], Any], Any], channel: socket.socket) -> None:
        """Answer with ``app``, and hand pages over through ``channel``."""
        self._app = app
        self._channel = channel

    def __call__(self, environ: dict[str, Any], start_response: Start) -> Any:
        """Answer a request."""
        if lane_of(environ["PATH_INFO"]) != "pages":
            return self._app(environ, start_response)
        connection = _Connection(self._channel, environ["REMOTE_ADDR"], environ["REMOTE_PORT"])
        try:
            answer = _ask(connection, environ)
        except (OSError, http.client.HTTPException):
            connection.close()
            start_response("503 Service Unavailable", [("Content-Type", "text/plain"), ("Retry-After", "5")])
            return [_AWAY]
        headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP]
        start_response(f"{answer.status} {answer.reason}", headers)
        return _Pieces(connection, answer)


class RelayListener(Listener):
    """Accepts the connections that other processes hand over, each with the address of the client behind it."""

    def accept(self) -> tuple[socket.socket, tuple[str, str]] | None:
        """Return the next connection and its client's address and port."""
        channel: Any = self.socket
        try:
            message, descriptors, _, _ = socket.recv_fds(channel, _MESSAGE_BYTES, 1)
        except BlockingIOError:
            return None
        if not descriptors:
            return None
        address, port = json.loads(message)
        return socket.socket(fileno=descriptors[0]), (address, port)

    def accept_connections(self) -> None:
        """Begin; a socket pair needs no listen(2)."""
        self.accepting = True

    def getsockname(self) -> tuple[str, str]:
        """Return what stands for a host and a port."""
        return "pages", "0"

    def set_socket_options(self, conn: socket.socket) -> None:
        """Leave the connection as it is: there is no TCP below it."""


class _Connection(http.client.HTTPConnection):
    """A connection to the pages' process."""

    def __init__(self, channel: socket.socket, address: str, port: str) -> None:
        super().__init__("pages", timeout=ANSWER_SECONDS)
        self._channel = channel
        self._client = json.dumps([address, port]).encode()

    def connect(self) -> None:
        """Make a socket pair and hand the other end over; raises OSError when nobody takes it in time."""
        ours, theirs = socket.socketpair()
        ours.settimeout(ANSWER_SECONDS)
        self.sock = ours
        with theirs:
            socket.send_fds(self._channel, [self._client], [theirs.fileno()])


class _Pieces:
    """The body of an answer, piece by piece."""

    def __init__(self, connection: _Connection, answer: http.client.HTTPResponse) -> None:
        self._connection = connection
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        while piece := self._answer.read1(PIECE_BYTES):
            yield piece

    def close(self) -> None:
        """Let go of the connection, also when the client has gone away in the middle."""
        self._answer.close()
        self._connection.close()


def channel_pair() -> tuple[socket.socket, socket.socket]:
    """Return the end that hands connections over and the end that takes them; to be made before a fork."""
    sending, taking = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sending.settimeout(HAND_OVER_SECONDS)
    return sending, taking


def _ask(connection: _Connection, environ: dict[str, Any]) -> http.client.HTTPResponse:
    """Send a request as it came; return the head of its answer."""
    body = environ["wsgi.input"].read()
    uri = "".join(each if "!" <= each <= "~" else f"%{ord(each):02X}" for each in environ["REQUEST_URI"])
    connection.putrequest(environ["REQUEST_METHOD"], uri, skip_host=True, skip_accept_encoding=True)
    for name, value in _headers(environ):
        connection.putheader(name, value.encode("latin-1"))
    connection.putheader("Connection", "close")
    if body:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body or None)
    return connection.getresponse()


def _headers(environ: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Return the headers of a request (PEP 3333 names them), but for those of the connection."""
    if kind := environ.get("CONTENT_TYPE"):
        yield "Content-Type", kind
    for key, value in environ.items():
        name = key.removeprefix("HTTP_").replace("_", "-").lower()
        if key.startswith("HTTP_") and name not in _HOP_BY_HOP:
            yield name, value
