"""Reads log files line by line, gzipped ones too, and says where in them a line stands."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

GZIP_MAGIC: Final = b"\x1f\x8b"
BUFFER_BYTES: Final = 1024**2
LONGEST_LINE: Final = 64 * 1024**2
STANDARD_INPUT: Final = "-"
ENDINGS: Final = (".log", ".log.gz", ".json", ".json.gz", ".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")
_UNPACKING: Final = (EOFError, zlib.error, gzip.BadGzipFile)


class Line(NamedTuple):
    """A line, with its number from 1 on; ``problem`` says why it could not be read."""

    number: int
    raw: bytes
    problem: str = ""


def list_files(paths: list[str]) -> list[str]:
    """Give the files to read: a folder stands for the log files in it, rotated ones too, ``-`` for standard input."""
    found: list[str] = []
    for path in paths:
        if path != STANDARD_INPUT and Path(path).is_dir():
            found += sorted(str(file) for file in Path(path).iterdir() if file.name.endswith(ENDINGS))
        else:
            found.append(path)
    return found


def size_of(path: str) -> int:
    """Give a file's size in bytes; 0 for standard input."""
    return 0 if path == STANDARD_INPUT else Path(path).stat().st_size


class LogFile:
    """A file that is read once, from its beginning to its end."""

    def __init__(self, path: str) -> None:
        """Open the file; raises OSError."""
        self._file: BinaryIO = sys.stdin.buffer if path == STANDARD_INPUT else Path(path).open("rb")
        self._source = io.BufferedReader(io.FileIO(self._file.fileno(), closefd=False), BUFFER_BYTES)
        is_packed = self._source.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC)
        self._text: BinaryIO = self._source
        if is_packed:
            self._text = io.BufferedReader(gzip.GzipFile(fileobj=self._source), BUFFER_BYTES)
        self._can_tell = path != STANDARD_INPUT

    def close(self) -> None:
        """Close the file, standard input excepted."""
        if self._can_tell:
            self._file.close()

    @property
    def read_bytes(self) -> int:
        """How many bytes of the file itself were read, packed ones in a packed file."""
        return self._source.tell() if self._can_tell else 0

    def __iter__(self) -> Iterator[Line]:
        """Give the lines that are not empty; a file that breaks off is a last line with a problem."""
        number = 0
        try:
            while raw := self._text.readline(LONGEST_LINE):
                number += 1
                if len(raw) == LONGEST_LINE:
                    self._skip_line(raw)
                    yield Line(number, b"", f"longer than {LONGEST_LINE} bytes")
                elif stripped := raw.strip():
                    yield Line(number, stripped)
        except _UNPACKING as error:
            yield Line(number + 1, b"", f"the packed file is damaged from here on: {error}")

    def _skip_line(self, raw: bytes) -> None:
        while raw and not raw.endswith(b"\n"):
            raw = self._text.readline(LONGEST_LINE)
