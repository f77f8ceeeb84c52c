"""The real server as a process of its own, which a test may kill, stop and start again."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from audit_webhook.config import Config
from audit_webhook.storage.repository import Repository, open_repository
from tests.mariadb import free_port

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60
SERVE = ("-m", "audit_webhook", "serve")


class Service:
    """``audit-webhook serve`` in a folder; it ends with its ``with`` block."""

    def __init__(self, folder: Path, settings: Mapping[str, str], program: Sequence[str] = SERVE) -> None:
        """Serve on a free port with these settings; nothing is started yet."""
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.settings = {
            "ENVIRONMENT": "development", "HTTP_PORT": str(self.port), "DB_PATH": str(folder / "audit.db"), **settings,
        }
        self.process: subprocess.Popen[bytes] | None = None
        self._program = program

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End for sure."""
        self.kill()

    def start(self) -> None:
        """Start and wait until the service says that it is alive."""
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **self.settings}
        with (self.folder / "service.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self._program], cwd=self.folder, env=environment, stdout=log, stderr=log
            )
        self.wait_until("/healthz", 200, START_SECONDS)

    def kill(self) -> None:
        """Kill with signal 9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def terminate(self, seconds: float = 30) -> int:
        """Ask it to end, and give its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(seconds)
        self.process = None
        return code

    def get(self, path: str, timeout: float = 10) -> int:
        """Give the status of an answer; 0 when there is none."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    def wait_until(self, path: str, status: int, seconds: float) -> float:
        """Wait for a status of a path and give how long that took."""
        began = time.monotonic()
        while self.get(path) != status:
            said = self.log()[-3000:]
            assert self.process is not None and self.process.poll() is None, f"the service ended:\n{said}"
            assert time.monotonic() - began < seconds, f"{path} was not {status} in {seconds} s:\n{said}"
            time.sleep(0.05)
        return time.monotonic() - began

    def log(self) -> str:
        """Give what the service has written."""
        return (self.folder / "service.log").read_text("utf-8", "replace")

    def children(self) -> list[int]:
        """Return the numbers of the processes that serve; the first receives."""
        assert self.process is not None
        text = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(number) for number in text.split()]

    def memory(self) -> int:
        """Return the bytes of memory that the processes that serve hold now (VmRSS of proc(5))."""
        statuses = [Path(f"/proc/{number}/status").read_text() for number in self.children()]
        return sum(int(status.partition("VmRSS:")[2].split()[0]) * 1024 for status in statuses)

    def spooled(self) -> int:
        """Give how many files wait in the spool."""
        return len(os.listdir(Path(self.settings["SPOOL_DIR"]) / "new"))

    def wait_until_drained(self, seconds: float) -> float:
        """Wait until nothing waits in the spool and give how long that took."""
        began = time.monotonic()
        while self.spooled():
            assert time.monotonic() - began < seconds, f"{self.spooled()} files still wait:\n{self.log()[-3000:]}"
            time.sleep(0.05)
        return time.monotonic() - began

    def open_store(self) -> Repository:
        """Give the store that the service writes to."""
        return open_repository(Config.from_env(self.settings))
