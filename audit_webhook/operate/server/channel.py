"""One connection: waitress's, with deadlines, and with an end that lets a refused client read why."""

from __future__ import annotations

import socket
import time
from functools import partial
from typing import Any, Final

from waitress.channel import HTTPChannel
from waitress.task import ErrorTask, WSGITask

from audit_webhook.operate.server.parser import Parser

HEAD_SECONDS: Final = 10.0
REQUEST_SECONDS: Final = 30.0  # after which a kube-apiserver has given up
STALLED_SECONDS: Final = 30.0
LEAST_BYTES_A_SECOND: Final = 4 * 1024**2
LINGER_SECONDS: Final = 5.0
PIECE_BYTES: Final = 128 * 1024


class Answer(WSGITask):
    """An answer of the application; the last one of its connection when the process is about to stop."""

    def get_environment(self) -> dict[str, Any]:
        """Let the application ask when the request had arrived, so that waiting counts as part of the answer's time."""
        request: Any = self.request
        environ = super().get_environment()
        environ["audit_webhook.arrived"] = lambda: request.arrived
        return environ

    def build_response_header(self) -> bytes:
        """Write the head of the answer; it is the last one when the body was not received to its end."""
        channel: Any = self.channel
        request: Any = self.request
        if channel.server.is_draining:
            self.set_close_on_finish()
        if request.unread or not request.completed:
            self.set_close_on_finish()
            channel.linger()
        return super().build_response_header()


class Refusal(ErrorTask):
    """An answer without the application."""


class Channel(HTTPChannel):
    """A connection whose requests pass the gate and arrive in time."""

    task_class = Answer
    error_task_class = Refusal

    def __init__(self, server: Any, sock: socket.socket, addr: Any, adj: Any, map: Any = None) -> None:
        """Read from a connection that was accepted."""
        super().__init__(server, sock, addr, adj, map=map)
        self._gate = server.gate
        self._peer = str(addr[0])
        self.parser_class: Any = partial(Parser, gate=self._gate, peer=self._peer)
        self.was_used = False
        self._since = time.monotonic()
        self._stalled: tuple[float, float] | None = None
        self._linger_until: float | None = None
        self._lingers = False
        self._least = 1

    def received(self, data: bytes) -> bool:
        """Take what came in; a large batch is answered while it comes."""
        upload: Any = self.request
        if upload is not None and upload.is_started:
            data = data[self._receive_upload(upload, data):]
            return not data or self.received(data)
        taken = super().received(data)
        if any(request.error for request in self.requests):
            self.linger()
        self._start_upload()
        return taken

    def linger(self) -> None:
        """Read what still comes after the answer, and throw it away."""
        self._lingers = True

    def _start_upload(self) -> None:
        upload: Any = self.request
        if upload is None or self.requests or not upload.may_start():
            return
        channel: Any = self
        with channel.requests_lock:
            upload.start(channel.server.pull_trigger)
            channel.requests.append(upload)
            channel.server.add_task(self)

    def _receive_upload(self, upload: Any, data: bytes) -> int:
        """Take the next bytes of a batch that is being answered; return how many belong to it."""
        channel: Any = self
        with channel.requests_lock:
            if self.will_close or self.close_when_flushed:
                return len(data)
            consumed: int = upload.received(data)
            if upload.completed:
                self.request = None
                self.sent_continue = False
            return consumed

    def readable(self) -> bool:
        """Whether more is to be received now."""
        upload: Any = self.request
        if self._linger_until is None and upload is not None and upload.is_started and self.requests:
            return not self.will_close and not self.close_when_flushed and bool(upload.has_room())
        return bool(super().readable())

    def is_idle(self) -> bool:
        """Whether no request is being received, worked on or answered."""
        return not (self.requests or self.request or self.total_outbufs_len or self._linger_until)

    def is_waiting_for_client(self) -> bool:
        """Whether nothing of ours would be lost if the connection were closed."""
        return not self.requests and not self.total_outbufs_len and not self.will_close

    def expire(self, now: float) -> None:
        """Close the connection when its client has had enough time (monotonic)."""
        upload: Any = self.request
        if self._linger_until is not None:
            self.will_close = self.will_close or now > self._linger_until
        elif upload is not None and upload.is_started:
            self._expire_upload(upload, now)
        elif self.requests or self.total_outbufs_len:
            self._expire_answer(now)
        elif self.request is not None:
            self._expire_request(now)
        elif not self.was_used and now - self._since > HEAD_SECONDS:
            self._give_up()

    def _expire_answer(self, now: float) -> None:
        """Give up on a client that takes no byte of its answer; the thread that writes it must not wait for ever."""
        if not self.total_outbufs_len:
            self._stalled = None
        elif self._stalled is None or self._stalled[0] != self.last_activity:
            self._stalled = (self.last_activity, now)
        elif now - self._stalled[1] > STALLED_SECONDS:
            self._give_up()

    def _expire_request(self, now: float) -> None:
        request: Any = self.request
        limit = REQUEST_SECONDS if request.headers_finished else HEAD_SECONDS
        if now - request.began > limit:
            self._give_up()

    def _expire_upload(self, upload: Any, now: float) -> None:
        """Give up on a large batch that comes too slowly: with each piece of it there is more time.

        The application notes it, as it does when the sender itself gives up.
        """
        if now - upload.began > REQUEST_SECONDS + upload.body_bytes_received / LEAST_BYTES_A_SECOND:
            self.will_close = True

    def _give_up(self) -> None:
        if not self.will_close:
            self._gate.note_slow(self._peer)
            self.will_close = True

    def handle_write(self) -> None:
        """Send what waits to be sent; before the connection of a refused request is closed, read what still comes.

        Closing a socket with unread bytes resets the connection, and the client might never see the answer.
        """
        if self.close_when_flushed and self._lingers and self.total_outbufs_len:
            self._flush_exception(self._flush_some)  # type: ignore[attr-defined]
        if self.close_when_flushed and self._lingers and not self.total_outbufs_len and not self.will_close:
            self.close_when_flushed = False
            self._linger_until = time.monotonic() + LINGER_SECONDS
            try:
                self._socket().shutdown(socket.SHUT_WR)
            except OSError:
                self.will_close = True
            return
        super().handle_write()

    def _socket(self) -> socket.socket:
        opened: Any = self.socket
        found: socket.socket = opened
        return found

    def handle_read(self) -> None:
        """Read; what comes after a refusal is thrown away."""
        if self._linger_until is None:
            super().handle_read()
            self._await_piece()
            return
        try:
            data = self.recv(self.adj.recv_bytes)
        except OSError:
            data = b""
        if not data:
            self.will_close = True

    def _await_piece(self) -> None:
        """Be woken for a good piece of a body only: from a proxy that ends TLS it comes in packets of 16 KiB.

        The end of a body, and of a connection, wakes in any case (SO_RCVLOWAT, socket(7)).
        """
        request: Any = self.request
        least = min(request.missing(), PIECE_BYTES) if request is not None else 1
        if least != self._least and self.connected:
            self._least = least
            self._socket().setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, least)

    def service(self) -> None:
        """Answer the first request."""
        super().service()
        self.was_used = True

    def handle_close(self) -> None:
        """Close, and give the room of a request back that will never be whole."""
        super().handle_close()
        unfinished, self.request = self.request, None
        if unfinished is not None:
            unfinished.close()

    def cancel(self) -> None:
        """Drop what waits, because the process stops."""
        for request in self.requests:
            request.close()
        super().cancel()
