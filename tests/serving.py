"""The service as real processes, and plain sockets and clients to speak to it with."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.mariadb import free_port

ROOT = Path(__file__).resolve().parents[1]
TOKEN = "correct-horse"
START_SECONDS = 30


class Answer(NamedTuple):
    """What a request was answered with; status 0 when there was no answer."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float


class Service:
    """``audit-webhook serve`` in a folder of its own."""

    def __init__(self, folder: Path, **settings: str) -> None:
        """Start it with these settings and wait until it answers."""
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "log"
        environment = {
            "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "ENVIRONMENT": "production", "HTTP_HOST": "127.0.0.1",
            "HTTP_PORT": str(self.port), "WEBHOOK_TOKEN": TOKEN, "DB_PATH": str(folder / "audit.db"), **settings,
        }
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "audit_webhook", "serve"]
            self.process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while get(f"{self.url}/readyz").status != 200:
            assert self.process.poll() is None and time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def children(self) -> list[int]:
        """Give the numbers of the worker processes."""
        text = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(number) for number in text.split()]

    def stop(self) -> int:
        """Tell it to stop, and give its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(35)

    def end(self) -> None:
        """End it for sure, workers included."""
        for number in self.children() if self.process.poll() is None else []:
            os.kill(number, signal.SIGKILL)
        self.process.kill()
        self.process.wait()


@contextmanager
def serving(folder: Path, **settings: str) -> Iterator[Service]:
    """Run the service until the block ends."""
    service = Service(folder, **settings)
    try:
        yield service
    finally:
        service.end()


def get(url: str, timeout: float = 10) -> Answer:
    """Ask for a page."""
    return _ask(urllib.request.Request(url), timeout)


def post(url: str, body: bytes, token: str = TOKEN, cluster: str = "prod", timeout: float = 30) -> Answer:
    """Send a batch."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return _ask(urllib.request.Request(f"{url}/webhook/audit/{cluster}?timeout=30s", body, headers), timeout)


def _ask(request: urllib.request.Request, timeout: float) -> Answer:
    began = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return Answer(answer.status, dict(answer.headers), answer.read(), time.monotonic() - began)
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, dict(error.headers), error.read(), time.monotonic() - began)
    except (OSError, http.client.HTTPException):  # cut off, also in the middle of an answer
        return Answer(0, {}, b"", time.monotonic() - began)


def connect(url: str) -> socket.socket:
    """Open a plain connection to a server."""
    host, _, port = url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=10)


def exchange(url: str, request: bytes) -> bytes:
    """Send bytes, and give all that comes back until the server closes or nothing came for a while."""
    with connect(url) as opened:
        return exchange_on(opened, request, 3)


def exchange_on(opened: socket.socket, request: bytes, seconds: float) -> bytes:
    """Send bytes on a connection, and give all that comes back until its end or until nothing came for so long."""
    opened.sendall(request)
    opened.settimeout(seconds)
    answer = b""
    try:
        while piece := opened.recv(65536):
            answer += piece
    except TimeoutError:
        pass
    return answer


def memory(pid: int, what: str) -> int:
    """Give bytes of a process's memory: ``VmRSS`` is what it has now, ``VmHWM`` the most it had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) * 1024


def samples(exposed: bytes) -> dict[str, float]:
    """Give the samples of a scrape by name and labels."""
    lines = [line for line in exposed.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}
