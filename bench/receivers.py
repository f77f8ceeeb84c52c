"""Starts what is measured, each as processes of its own on the same MariaDB, and reads what they use from /proc."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from bench.load import TOKEN
from tests.mariadb import MariaDB, free_port

WORKERS: Final = 2
START_SECONDS: Final = 20.0
TICKS: Final = os.sysconf("SC_CLK_TCK")


class Receiver:
    """One receiver that listens on `port` and writes into the database `database`; it ends with its ``with`` block."""

    def __init__(
        self, name: str, database: str, command: Iterable[str], environment: dict[str, str], port: int
    ) -> None:
        """Name what to run; nothing is started yet."""
        self.name = name
        self.database = database
        self.port = port
        self._command = [*command]
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start, and wait until the port is open."""
        self._process = subprocess.Popen(
            self._command, env={**os.environ, **self._environment}, stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                time.sleep(0.05)
        self.stop()
        raise RuntimeError(f"{self.name} did not listen within {START_SECONDS:g} s")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self.stop()

    def stop(self) -> None:
        """Ask the process to end, and wait."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(30)
            self._process = None

    def processes(self) -> list[int]:
        """Give the ids of the process and its children."""
        assert self._process is not None
        parent = self._process.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return [parent, *map(int, children)]

    def peak_memory(self) -> int:
        """Give the bytes of the largest process at its peak."""
        return max(peak_memory(process) for process in self.processes())


def peak_memory(process: int) -> int:
    """Give the most memory in bytes that a process ever held (VmHWM, proc(5))."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024


def cpu_seconds(processes: Iterable[int]) -> float:
    """Give the seconds that processes have computed in all, in user mode and in the kernel (proc(5))."""
    spent = 0
    for process in processes:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        spent += int(fields[11]) + int(fields[12])
    return spent / TICKS


def service(server: MariaDB, database: str = "service") -> Receiver:
    """Give this program as it is installed, with two workers."""
    port = free_port()
    environment = {
        "WEBHOOK_TOKEN": TOKEN, "HTTP_PORT": str(port), "WORKERS": str(WORKERS),
        **server.environment(database),
    }
    return Receiver("service", database, [sys.executable, "-m", "audit_webhook", "serve"], environment, port)


def floor(server: MariaDB) -> Receiver:
    """Give the floor with two workers; its table must be there."""
    port = free_port()
    command = [sys.executable, "-m", "bench.workers", str(port), str(WORKERS)]
    return Receiver("floor", "floor", command, {"WEBHOOK_TOKEN": TOKEN, **server.environment("floor")}, port)


def yardstick(server: MariaDB, command: str) -> Receiver:
    """Give another receiver by its command line with ``{address}``, ``{dsn}`` and ``{token}`` in it."""
    port = free_port()
    server.execute("CREATE DATABASE IF NOT EXISTS yardstick")
    dsn = f"root@tcp(127.0.0.1:{server.port})/yardstick?maxAllowedPacket=0"
    filled = command.format(address=f"127.0.0.1:{port}", dsn=dsn, token=TOKEN)
    return Receiver("yardstick", "yardstick", shlex.split(filled), {}, port)


def bytes_on_disk(server: MariaDB, database: str) -> int:
    """Give the size of a database's files: data and indexes, the room that InnoDB has laid out in advance included."""
    return sum(path.stat().st_size for path in (server.folder / "data" / database).glob("*.ibd"))
