"""Posts ready-made batches over raw sockets, as cheaply as can be: it shares the machine with what it measures."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

CONNECTIONS: Final = 4
TOKEN: Final = "bench"
PATIENCE_SECONDS: Final = 60.0


class Load(NamedTuple):
    """What a load took: seconds from the first byte to the last answer, and seconds for each batch."""

    seconds: float
    latencies: list[float]


def request_of(body: bytes) -> bytes:
    """Give the bytes of a whole request, as a kube-apiserver would send it."""
    head = (
        f"POST /webhook/audit/bench?timeout=30s HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {TOKEN}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def post(
    port: int, requests: Sequence[bytes], per_second: float = 0.0, trust: ssl.SSLContext | None = None
) -> Load:
    """Post every request once over four kept connections, all at once or so many a second; RuntimeError unless 200.

    With the certificates to trust, the connections are TLS.
    A paced batch counts from the moment when it was due, so that waiting for a free connection is part of its latency.
    """
    waiting = list(enumerate(requests))[::-1]
    latencies: list[float] = []
    failures: list[str] = []
    begin = time.perf_counter()

    def work() -> None:
        with _connect(port, trust) as connection:
            while waiting and not failures:
                try:
                    number, request = waiting.pop()
                except IndexError:
                    return
                due = begin + number / per_second if per_second else time.perf_counter()
                time.sleep(max(0.0, due - time.perf_counter()))
                connection.sendall(request)
                answer = _answer(connection)
                latencies.append(time.perf_counter() - due)
                if not answer.startswith(b"HTTP/1.1 200"):
                    failures.append(answer[:200].decode("latin-1"))

    threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures or len(latencies) != len(requests):
        raise RuntimeError(f"a batch was not acknowledged: {failures or 'the connection failed'}")
    return Load(time.perf_counter() - begin, latencies)


def _connect(port: int, trust: ssl.SSLContext | None) -> socket.socket:
    plain = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
    return trust.wrap_socket(plain, server_hostname="127.0.0.1") if trust else plain


def _answer(connection: socket.socket) -> bytes:
    """Read one answer to its end, by its Content-Length."""
    answer = b""
    while True:
        received = connection.recv(65536)
        if not received:
            return answer
        answer += received
        head, separator, body = answer.partition(b"\r\n\r\n")
        if separator:
            lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            if len(body) >= int(lengths[0].partition(b":")[2]) if lengths else True:
                return answer
