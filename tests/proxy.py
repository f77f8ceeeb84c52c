"""A TCP proxy that loses answers: the server has done its work, and the client never hears of it."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Self


class Proxy:
    """Passes connections on to a port; `lose` cuts that many of the coming answers off before their first byte."""

    def __init__(self, port: int) -> None:
        """Listen on a free port of the loopback address."""
        self._upstream = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._to_lose = 0
        self._lock = threading.Lock()
        self.lost = 0
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        """Begin to take connections."""
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take no more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def lose(self, answers: int) -> None:
        """Cut so many answers off."""
        with self._lock:
            self._to_lose = answers

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._upstream))
            except OSError:
                client.close()
                continue
            for work in (self._pass_requests, self._pass_answers):
                threading.Thread(target=work, args=(client, server), daemon=True).start()

    def _pass_requests(self, client: socket.socket, server: socket.socket) -> None:
        _pump(client, server)

    def _pass_answers(self, client: socket.socket, server: socket.socket) -> None:
        try:
            while part := server.recv(65536):
                if self._is_lost():
                    break
                client.sendall(part)
        except OSError:
            pass  # the connection ends below, whatever ended it
        _end(client, server)

    def _is_lost(self) -> bool:
        with self._lock:
            if not self._to_lose:
                return False
            self._to_lose -= 1
            self.lost += 1
            return True


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while part := source.recv(65536):
            target.sendall(part)
    except OSError:
        pass  # as above
    _end(source, target)


def _end(*ends: socket.socket) -> None:
    for end in ends:
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # closed by the other thread already
        end.close()
