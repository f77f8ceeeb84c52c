"""A batch as one file of the spool: a line that says what it is, then everything that storing it takes, compressed.

The line is JSON for whoever looks into the folder: cluster, time of receipt, SHA-256 and length of what follows. What
follows holds each event's id beside its bytes: ids are made from the bytes that were sent, and what was redacted or
upgraded since must not make another event of it.
"""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec
import zstandard

LINE_BYTES: Final = 1024
LEVEL: Final = 1  # the disk is what is short while a database is away, but the processor is needed for ingest


class CorruptBatchFile(ValueError):
    """These bytes are not what was once written."""


class Item(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event: its id and its bytes, redacted already."""

    id: bytes
    raw: bytes


class Unread(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is bound for quarantine: its id, the reason, its length as sent, and its bytes, redacted already."""

    id: bytes
    reason: str
    raw_bytes: int
    content: bytes


class BatchFile(msgspec.Struct, frozen=True, array_like=True):
    """A batch of one cluster, received at a time in microseconds."""

    cluster: str
    received: int
    events: list[Item]
    unread: list[Unread]


class _Line(msgspec.Struct, frozen=True):
    cluster: str
    received: int
    sha256: str
    length: int


_decode_line: Final = msgspec.json.Decoder(_Line).decode
_decode_batch_file: Final = msgspec.msgpack.Decoder(BatchFile).decode


def wrap(batch_file: BatchFile) -> bytes:
    """Return the bytes of a batch file."""
    content = zstandard.ZstdCompressor(level=LEVEL).compress(msgspec.msgpack.encode(batch_file))
    line = _Line(batch_file.cluster, batch_file.received, hashlib.sha256(content).hexdigest(), len(content))
    return msgspec.json.encode(line) + b"\n" + content


def length_of(head: bytes) -> int:
    """Give the length of the whole file whose first ``LINE_BYTES`` bytes these are; raises CorruptBatchFile."""
    line, newline, _ = head.partition(b"\n")
    if not newline:
        raise CorruptBatchFile("it does not begin with a line that says what it is")
    return len(line) + 1 + _read_line(line).length


def unwrap(content: bytes) -> BatchFile:
    """Read the bytes of a file; raises CorruptBatchFile when a single bit is not as it was written."""
    first, _, rest = content.partition(b"\n")
    line = _read_line(first)
    if len(rest) != line.length or hashlib.sha256(rest).hexdigest() != line.sha256:
        raise CorruptBatchFile("its length or checksum is not the one that was written down")
    try:
        batch_file = _decode_batch_file(zstandard.ZstdDecompressor().decompress(rest))
    except (zstandard.ZstdError, msgspec.DecodeError) as error:
        raise CorruptBatchFile(str(error)) from error
    if (batch_file.cluster, batch_file.received) != (line.cluster, line.received):
        raise CorruptBatchFile("its first line is not the one that was written")
    return batch_file


def _read_line(line: bytes) -> _Line:
    try:
        return _decode_line(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CorruptBatchFile(f"its first line cannot be read: {error}") from error
