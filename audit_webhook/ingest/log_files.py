"""Reads log files line by line, whatever they are called and packed in, and says where in them a line stands."""

from __future__ import annotations

import gzip
import io
import lzma
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, BinaryIO, Final, NamedTuple, cast

import zstandard

GZIP_MAGIC: Final = b"\x1f\x8b"
ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
ZIP_MAGIC: Final = b"PK\x03\x04"
TAR_MAGIC: Final = b"ustar"
TAR_MAGIC_AT: Final = 257
BUFFER_BYTES: Final = 1024**2
LONGEST_LINE: Final = 64 * 1024**2
STANDARD_INPUT: Final = "-"
MOST_LAYERS: Final = 4
_UNPACKING: Final = (
    EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError, zstandard.ZstdError, tarfile.TarError, zipfile.BadZipFile,
)


class Line(NamedTuple):
    """A line, with its number from 1 on; ``problem`` says why it could not be read, ``is_end`` that the
    file ends there, ``is_unfinished`` that it has no line break yet.
    """

    number: int
    raw: bytes
    problem: str = ""
    is_end: bool = False
    is_unfinished: bool = False


class Text(NamedTuple):
    """A file, or one within an archive: how a person calls it, and its lines; those of a binary file mean nothing."""

    name: str
    lines: Iterator[Line]
    is_binary: bool = False


def list_files(paths: list[str]) -> list[str]:
    """Return the files to read: a folder stands for all files in it and below, ``-`` for standard input."""
    found: list[str] = []
    for path in paths:
        if path != STANDARD_INPUT and Path(path).is_dir():
            found += sorted(str(file) for file in Path(path).rglob("*") if file.is_file())
        else:
            found.append(path)
    return found


def size_of(path: str) -> int:
    """Return a file's size in bytes; 0 for standard input."""
    return 0 if path == STANDARD_INPUT else Path(path).stat().st_size


class LogFile:
    """A file that is read once, from its beginning to its end."""

    def __init__(self, path: str) -> None:
        """Open the file; raises OSError."""
        self._path: Final = path
        self._file: BinaryIO = sys.stdin.buffer if path == STANDARD_INPUT else Path(path).open("rb")
        self._source = io.BufferedReader(io.FileIO(self._file.fileno(), closefd=False), BUFFER_BYTES)
        self._can_tell = path != STANDARD_INPUT

    def close(self) -> None:
        """Close the file, standard input excepted."""
        if self._can_tell:
            self._file.close()

    @property
    def read_bytes(self) -> int:
        """How many bytes of the file itself were read, packed ones in a packed file."""
        return self._source.tell() if self._can_tell else 0

    def texts(self) -> Iterator[Text]:
        """Yield the texts of the file: itself, or each file of an archive."""
        with ExitStack() as opened:
            yield from _texts(self._path, self._source, opened, MOST_LAYERS)


def _texts(name: str, source: io.BufferedReader[Any], opened: ExitStack, layers: int) -> Iterator[Text]:
    """Yield the texts of a stream, unpacked layer by layer; what is damaged ends with a problem."""
    head = source.peek(TAR_MAGIC_AT + len(TAR_MAGIC))
    if layers and head.startswith(GZIP_MAGIC):
        unpacked = io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=source)), BUFFER_BYTES)
        yield from _unpacked(name, unpacked, opened, layers)
    elif layers and head.startswith(ZSTD_MAGIC):
        reader = zstandard.ZstdDecompressor().stream_reader(source, read_across_frames=True)
        yield from _unpacked(name, io.BufferedReader(cast(io.RawIOBase, reader), BUFFER_BYTES), opened, layers)
    elif layers and head.startswith(ZIP_MAGIC) and source.seekable():
        yield from _of_zip(name, source, opened, layers)
    elif layers and head[TAR_MAGIC_AT:TAR_MAGIC_AT + len(TAR_MAGIC)] == TAR_MAGIC:
        yield from _of_tar(name, source, opened, layers)
    else:
        yield Text(name, _lines(source), is_binary=b"\0" in head)


def _unpacked(name: str, source: io.BufferedReader[Any], opened: ExitStack, layers: int) -> Iterator[Text]:
    try:
        source.peek(1)
    except _UNPACKING as error:
        yield _damaged(name, error)
        return
    yield from _texts(name, source, opened, layers - 1)


def _of_tar(name: str, source: IO[bytes], opened: ExitStack, layers: int) -> Iterator[Text]:
    try:
        archive = opened.enter_context(tarfile.open(fileobj=source, mode="r|"))
        for member in archive:
            if member.isfile() and (file := archive.extractfile(member)) is not None:
                buffered = io.BufferedReader(cast(io.RawIOBase, file), BUFFER_BYTES)
                yield from _texts(f"{name}:{member.name}", buffered, opened, layers - 1)
    except _UNPACKING as error:
        yield _damaged(name, error)


def _of_zip(name: str, source: IO[bytes], opened: ExitStack, layers: int) -> Iterator[Text]:
    try:
        archive = opened.enter_context(zipfile.ZipFile(source))
        for entry in archive.infolist():
            if not entry.is_dir():
                file = opened.enter_context(archive.open(entry))
                buffered = io.BufferedReader(cast(io.RawIOBase, file), BUFFER_BYTES)
                yield from _texts(f"{name}:{entry.filename}", buffered, opened, layers - 1)
    except (*_UNPACKING, NotImplementedError, RuntimeError) as error:
        yield _damaged(name, error)


def _damaged(name: str, error: Exception) -> Text:
    return Text(name, iter([Line(0, b"", f"the packed file is damaged from here on: {error}", is_end=True)]))


def _lines(text: BinaryIO) -> Iterator[Line]:
    """Yield the lines that are not empty; a file that breaks off is a last line with a problem."""
    number = 0
    try:
        while raw := text.readline(LONGEST_LINE):
            number += 1
            if len(raw) == LONGEST_LINE:
                while raw and not raw.endswith(b"\n"):
                    raw = text.readline(LONGEST_LINE)
                yield Line(number, b"", f"longer than {LONGEST_LINE} bytes")
            elif stripped := raw.strip():
                yield Line(number, stripped, is_unfinished=not raw.endswith(b"\n"))
    except _UNPACKING as error:
        yield Line(number + 1, b"", f"the packed file is damaged from here on: {error}", is_end=True)
