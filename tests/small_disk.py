"""A disk that a test can fill: a small tmpfs where mounting is allowed, else a limit on the size of files.

Both (mount(8), setrlimit(2)) are the kernel's own refusal in the middle of a write, and both pass without a restart of
who writes.
"""

from __future__ import annotations

import errno
import resource
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.service import Service

MIB = 1024**2


class SmallDisk:
    """A folder of its own; it is empty again after its ``with`` block."""

    def __init__(self, folder: Path, size: int) -> None:
        """Take an empty folder."""
        self.folder = folder
        self._size = size
        self._filler = folder / "filler"
        self.is_mounted = False

    def __enter__(self) -> Self:
        """Mount it, if that is allowed here."""
        self.folder.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={self._size}", "tmpfs", str(self.folder)]
        try:
            self.is_mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
        except FileNotFoundError:
            self.is_mounted = False
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Unmount it."""
        if self.is_mounted:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    def fill(self, service: Service) -> None:
        """Leave no room for what a service wants to write."""
        if self.is_mounted:
            self._fill_up()
        else:
            self._limit(service, max((path.stat().st_size for path in self.folder.iterdir()), default=0))

    def free(self, service: Service) -> None:
        """Give the room back."""
        if self.is_mounted:
            self._filler.unlink()
        else:
            self._limit(service, resource.RLIM_INFINITY)

    def _fill_up(self) -> None:
        with self._filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError as error:
                assert error.errno == errno.ENOSPC

    def _limit(self, service: Service, size: int) -> None:
        for number in service.children():
            _, hard = resource.prlimit(number, resource.RLIMIT_FSIZE)
            resource.prlimit(number, resource.RLIMIT_FSIZE, (size, hard))
