"""A real MariaDB of the distribution's package, in a folder of its own, on a free port of the loopback address."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pymysql

START_SECONDS = 60


def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


ROCKSDB: Final = ("--plugin-load-add=ha_rocksdb", "--rocksdb-flush-log-at-trx-commit=1")
"""Options with which a server has MyRocks, which syncs each commit."""


class MariaDB:
    """A server that syncs each commit to the disk, as one for real use does; it ends with its ``with`` block."""

    user = getpass.getuser()

    def __init__(self, folder: Path, *options: str) -> None:
        """Lay the server's files into an empty folder; further options are handed to mariadbd."""
        self.folder = folder
        self.options = options
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Install the system tables and start."""
        self._run_install()
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the server for sure."""
        self.stop()

    def _run_install(self) -> None:
        command = [
            _program("mariadb-install-db"), "--no-defaults", "--auth-root-authentication-method=normal",
            "--skip-test-db", f"--datadir={self.folder / 'data'}", f"--user={self.user}",
        ]
        done = subprocess.run(command, capture_output=True, check=False, env=self._environment())
        if done.returncode:
            raise RuntimeError(f"mariadb-install-db failed:\n{done.stdout.decode()}{done.stderr.decode()}")

    def _environment(self) -> dict[str, str]:
        """Keep temporary tables apart from those of servers in other containers that share a folder for them."""
        return {**os.environ, "TMPDIR": str(self.folder)}

    def start(self) -> None:
        """Start mariadbd and wait until it answers."""
        command = [
            _program("mariadbd"), "--no-defaults", f"--datadir={self.folder / 'data'}", f"--user={self.user}",
            # A server that starts deletes the temporary tables of every other one in the same folder.
            f"--tmpdir={self.folder}",
            f"--socket={self.folder / 'socket'}", f"--port={self.port}", "--bind-address=127.0.0.1",
            "--innodb-flush-log-at-trx-commit=1", "--innodb-buffer-pool-size=512M", *self.options,
        ]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=self._environment())
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.connect().close()
                return
            except pymysql.err.OperationalError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise RuntimeError(f"mariadbd did not start:\n{(self.folder / 'log').read_text()}") from None
                time.sleep(0.05)

    def stop(self) -> None:
        """Kill the server with signal 9; it can be started again on its files."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def freeze(self) -> None:
        """Stop the server without a word to its clients, as a machine that hangs does, and wait until it stands still.

        One of its threads takes the signal; until it runs, the others may go on and answer.
        """
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        deadline = time.monotonic() + START_SECONDS
        while set(map(_state, Path(f"/proc/{self.process.pid}/task").iterdir())) != {"T"}:
            assert time.monotonic() < deadline, "mariadbd does not stop"
            time.sleep(0.001)

    def thaw(self) -> None:
        """Let the server go on."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def connect(self) -> pymysql.Connection:
        """Give a connection of the server's root."""
        return pymysql.connect(host="127.0.0.1", port=self.port, user="root", autocommit=True)

    def execute(self, statement: str) -> None:
        """Run one statement as root."""
        connection = self.connect()
        try:
            connection.cursor().execute(statement)
        finally:
            connection.close()

    def environment(self, database: str) -> dict[str, str]:
        """Give the settings that lead the program to a database of this server."""
        engine = "rocksdb" if ROCKSDB[0] in self.options else "innodb"
        own = {"DB_HOST": "127.0.0.1", "DB_PORT": str(self.port), "DB_USER": "root", "DB_NAME": database}
        return {**own, "DB_ENGINE": engine}


def _program(name: str) -> str:
    path = shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if path is None:
        raise RuntimeError(f"{name} is missing: apt-get install mariadb-server")
    return path


def _state(task: Path) -> str:
    """Give the letter of a thread's state (proc(5)); T for one that has just ended, as it does nothing more."""
    try:
        return (task / "stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "T"
