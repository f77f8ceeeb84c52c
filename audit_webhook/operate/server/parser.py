"""Parses a request's head as waitress does, refuses what is ambiguous, and asks the gate before the body is read."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, Final

from waitress.parser import HTTPRequestParser, ParsingError, TransferEncodingNotImplemented
from waitress.utilities import BadRequest, RequestHeaderFieldsTooLarge

from audit_webhook.errors import AuditWebhookError, BodyCutOff, BodyTooLarge
from audit_webhook.ingest.admission import explain_size
from audit_webhook.ingest.parts import WHOLE_BYTES
from audit_webhook.operate.server.body import Body
from audit_webhook.operate.server.gate import SMALL_BODY_BYTES, Gate, Refused
from audit_webhook.operate.server.limits import Reservation

TLS_HELLO: Final = b"\x16\x03"
"""The first bytes of a TLS handshake (RFC 8446, section 5.1)."""
_FOLDED: Final = re.compile(rb"\r\n[ \t]")
_ENDLESS_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*\d{19}", re.IGNORECASE)
_TRANSFER_ENCODING: Final = re.compile(rb"\r\ntransfer-encoding:(.*?)(?=\r\n|\Z)", re.IGNORECASE)


class Parser(HTTPRequestParser):
    """One request on its way in; ``began`` and ``arrived`` are when its first and its last byte came (monotonic)."""

    def __init__(self, adj: Any, gate: Gate, peer: str) -> None:
        """Read a request that comes from this peer through this gate."""
        super().__init__(adj)
        self._gate = gate
        self._peer = peer
        self._room: Reservation | None = None
        self._is_batch = False
        self._is_judged = False
        self._body = Body()
        self._failure: Exception = BodyCutOff("the batch did not arrive in time, or its sender broke off")
        self.began: Final = time.monotonic()
        self.arrived = self.began
        self.unread = False
        self.is_started = False
        self._was_begun = False

    @property
    def owner(self) -> str:
        """Whose share of the places the request takes."""
        return self._room.owner if self._room is not None else ""

    def may_start(self) -> bool:
        """Whether the request is to be answered while the rest of its body still comes."""
        arrives = self._is_batch and not self.completed and self.error is None
        return arrives and not self.is_started and self.body_bytes_received >= WHOLE_BYTES

    def start(self, on_room: Callable[[], None]) -> None:
        """Note that the request is being answered; ``on_room`` is called when more of its body may be received."""
        self.is_started = True
        self._body.on_room = on_room

    def has_room(self) -> bool:
        """Whether more of the body is to be received."""
        return self._body.has_room()

    def received(self, data: bytes) -> int:
        """Take bytes of the request; return how many of them belong to it."""
        if not self._was_begun and data.startswith(TLS_HELLO):
            return self._refuse_tls(data)
        self._was_begun = True
        consumed = super().received(data)
        if isinstance(self.error, RequestHeaderFieldsTooLarge):
            self._judge_cut_off(self.header_plus + data)
        if self.error is None and self.chunked:
            self._weigh()
        if self.error is not None:
            self._give_up()
            consumed = len(data)  # what follows is the refused body, and never another request
        if self.completed:
            self.arrived = time.monotonic()
            self._body.complete()
        return consumed

    def missing(self) -> int:
        """Give how many bytes of the body are still to come; 1 where nobody knows."""
        if not self.headers_finished or self.chunked:
            return 1
        return max(1, self.content_length - self.body_bytes_received)

    def parse_header(self, header_plus: bytes) -> None:
        """Parse the head, then let the gate decide."""
        _check_framing(header_plus)
        super().parse_header(header_plus)
        if self.chunked and "CONTENT_LENGTH" in self.headers:
            raise ParsingError("Content-Length beside Transfer-Encoding")
        headers: Any = self.headers
        path: Any = self.path  # type: ignore[attr-defined]
        command: Any = self.command
        query: Any = self.query  # type: ignore[attr-defined]
        self._is_batch = self._gate.is_batch(command, path)
        try:
            self._peer = self._gate.find_client_address(self._peer, headers)
            self._room = self._gate.enter(command, path, query, headers, self._peer)
        except AuditWebhookError as error:
            self._refuse(error)
            return
        if self.body_rcv is not None:
            receiver: Any = self.body_rcv
            receiver.buf = self._body

    def _refuse_tls(self, data: bytes) -> int:
        """Answer at once a client that speaks TLS to this port: its sender would else only be seen to be slow."""
        self._is_judged = True
        self._gate.note_tls(self._peer)
        self.error = BadRequest("this port speaks plain HTTP, and the client sent TLS")
        self._give_up()
        return len(data)

    def close(self) -> None:
        """Give the body's memory and the room back; who still reads the body is told that it is not whole."""
        self._body.break_off(self._failure)
        super().close()
        if self._room is not None:
            self._room.release()

    def _judge_cut_off(self, head: bytes) -> None:
        """Refuse for its token, rather than for its size, a head whose first part carries no valid one.

        No more is read for that: a token that is longer than a head may be is compared as far as it is there.
        """
        adj: Any = self.adj
        lines = head.partition(b"\r\n\r\n")[0][:adj.max_request_header_size].split(b"\r\n")
        if b":" not in lines[-1]:
            lines.pop()
        part: Any = HTTPRequestParser(adj)
        try:
            part.parse_header(b"\r\n".join([*lines, b""]))
            client = self._gate.find_client_address(self._peer, part.headers)
            self._gate.judge_cut_off(part.command, part.path, part.query, part.headers, client)
        except AuditWebhookError as error:
            self._refuse(error)
        except (ParsingError, TransferEncodingNotImplemented):
            pass  # it stays too large

    def _weigh(self) -> None:
        """Hold the bytes of a body whose length nobody announced against the limits."""
        most = self._gate.most_bytes if self._is_batch else SMALL_BODY_BYTES
        try:
            if self.body_bytes_received > most:
                raise BodyTooLarge(explain_size(most))
            if self._room is not None:
                self._room.grow_to(min(self.body_bytes_received, WHOLE_BYTES))
        except AuditWebhookError as error:
            self._failure = error
            self._refuse(error if self.is_started else self._gate.refuse("", error, self._peer))

    def _refuse(self, error: AuditWebhookError) -> None:
        self._is_judged = True
        self.error = Refused(error)

    def _give_up(self) -> None:
        """Answer at once, and forget what came of the body."""
        self.completed = True
        self.unread = True
        self.expect_continue = False  # or waitress would first ask for the body
        if not self._is_judged:
            self._is_judged = True
            self._gate.note_broken(self.error.reason if self.error else "", self._peer)
        self.close()


def _check_framing(head: bytes) -> None:
    """Refuse what two programs might read differently (RFC 9112, sections 5.2 and 6.1); raises ParsingError."""
    if _FOLDED.search(head):
        raise ParsingError("a header that goes on in the next line")
    if _ENDLESS_LENGTH.search(head):
        raise ParsingError("a Content-Length beyond all measure")
    encodings = [value.strip(b" \t") for value in _TRANSFER_ENCODING.findall(head)]
    if encodings and ([name.lower() for name in encodings] != [b"chunked"] or b" HTTP/1.1\r\n" not in head):
        raise ParsingError("a Transfer-Encoding other than chunked")
