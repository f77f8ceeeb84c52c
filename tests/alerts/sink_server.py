"""Real servers that stand in for sinks: HTTP and SMTP, which answer as a test wants, or not at all."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Final

OK: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Talk = Callable[["Server", socket.socket], None]


@dataclass
class Server:
    """A server on a port of its own; ``received`` are the requests in the order of their arrival."""

    port: int
    talk: Talk
    received: list[bytes] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """Return the address."""
        return f"http://127.0.0.1:{self.port}/hook"


@contextmanager
def listening(talk: Talk) -> Iterator[Server]:
    """Serve each connection with a talk, in a thread of its own, until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(listener.getsockname()[1], talk)
        listener.settimeout(0.05)
        threads: list[threading.Thread] = []

        def accept() -> None:
            while not server.stopped.is_set():
                try:
                    connection, _ = listener.accept()
                except TimeoutError:
                    continue
                connection.settimeout(10)
                threads.append(threading.Thread(target=_serve, args=(server, connection), daemon=True))
                threads[-1].start()

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        try:
            yield server
        finally:
            server.stopped.set()
            for thread in (accepting, *threads):
                thread.join(10)


def _serve(server: Server, connection: socket.socket) -> None:
    with connection:
        try:
            server.talk(server, connection)
        except OSError:
            return


def answering(*answers: bytes) -> Talk:
    """Return a talk that reads a request and gives the next answer, the last one again and again."""
    def talk(server: Server, connection: socket.socket) -> None:
        server.received.append(read_request(connection))
        connection.sendall(answers[min(len(server.received), len(answers)) - 1])

    return talk


def resetting(server: Server, connection: socket.socket) -> None:
    """Read a request and reset the connection."""
    server.received.append(read_request(connection))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hanging(server: Server, connection: socket.socket) -> None:
    """Read a request and never answer."""
    server.received.append(read_request(connection))
    server.stopped.wait(30)


def dripping(server: Server, connection: socket.socket) -> None:
    """Answer with a byte now and then, so that no single one comes too late."""
    server.received.append(read_request(connection))
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not server.stopped.wait(0.05):
        connection.sendall(b"a")


def read_request(connection: socket.socket) -> bytes:
    """Return a request with its body."""
    read = b""
    while b"\r\n\r\n" not in read:
        read += _more(connection)
    head, _, body = read.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    while len(body) < int(fields[b"content-length"]):
        body += _more(connection)
    return head + b"\r\n\r\n" + body


def _more(connection: socket.socket) -> bytes:
    piece = connection.recv(65536)
    if not piece:
        raise ConnectionError
    return piece


def body_of(request: bytes) -> bytes:
    """Return the body of a request."""
    return request.partition(b"\r\n\r\n")[2]


def header_of(request: bytes, name: str) -> str:
    """Return a header of a request, empty when it is missing."""
    for line in request.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]:
        key, _, value = line.partition(": ")
        if key.lower() == name.lower():
            return value
    return ""


def mail_server(context: ssl.SSLContext | None = None, is_encrypted: bool = False, password_code: int = 235) -> Talk:
    """Return a talk of SMTP, with STARTTLS where there is a certificate; ``received`` are commands and mails."""
    def talk(server: Server, connection: socket.socket) -> None:
        with ExitStack() as opened:
            speak(server, connection, opened)

    def speak(server: Server, connection: socket.socket, opened: ExitStack) -> None:
        if is_encrypted and context:
            connection = opened.enter_context(context.wrap_socket(connection, server_side=True))
        stream = opened.enter_context(connection.makefile("rwb"))
        _say(stream, b"220 hello")
        while line := stream.readline():
            command = line.strip()
            server.received.append(command)
            word = command[:4].upper()
            if word == b"EHLO":
                offers = [b"250-STARTTLS"] if context and not is_encrypted else []
                _say(stream, b"250-localhost", b"250-AUTH PLAIN", *offers, b"250 8BITMIME")
            elif word == b"STAR" and context:
                _say(stream, b"220 go on")
                connection = opened.enter_context(context.wrap_socket(connection, server_side=True))
                stream = opened.enter_context(connection.makefile("rwb"))
            elif word == b"AUTH":
                _say(stream, b"%d what you said: %s" % (password_code, command))
            elif word == b"DATA":
                _say(stream, b"354 go on")
                lines = []
                while (text := stream.readline()) not in (b".\r\n", b""):
                    lines.append(text)
                server.received.append(b"".join(lines))
                _say(stream, b"250 taken")
            elif word == b"QUIT":
                _say(stream, b"221 bye")
                return
            else:
                _say(stream, b"250 ok")

    return talk


def _say(stream: object, *lines: bytes) -> None:
    stream.write(b"".join(line + b"\r\n" for line in lines))  # type: ignore[attr-defined]
    stream.flush()  # type: ignore[attr-defined]


def wait_until(is_so: Callable[[], bool], seconds: float = 15) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)
