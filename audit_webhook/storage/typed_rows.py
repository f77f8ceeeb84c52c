"""Reads rows of SQLite by the types that their values really have.

A column of SQLite takes a value of any type, and somebody who changes rows may put anything there. What compares rows
with what was sealed reads texts as `bytearray` and bytes as `bytes`, so that neither passes for the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from audit_webhook.storage.chunks.hash_chain import write_columns
from audit_webhook.storage.database import Row

OTHER_TYPE: Final = "\0another type"
"""In the place of a text that is none; no text that is stored holds a NUL."""
_KINDS: Final = (bytes, bytes, int, int, bytes, bytes, bytes, bytearray, bytearray, bytearray)
_IDS: Final = (0, 1, 4, 5)
CHUNK_ID_BYTES: Final = 16


def write_typed(rows: Sequence[Row]) -> list[bytes]:
    """Write rows of SQLite as `sealing.write_rows` does; one with a value of another type or length as what it is."""
    columns = list(zip(*rows, strict=True))
    if not columns or _are_right(columns):
        return write_columns(*columns) if columns else []
    return [write_typed([row])[0] if _are_right(list(zip(row))) else _odd(row) for row in rows]


def _are_right(columns: Sequence[Sequence[Any]]) -> bool:
    kinds = all(set(map(type, column)) == {kind} for column, kind in zip(columns, _KINDS, strict=True))
    return kinds and all(set(map(len, columns[place])) == {16} for place in _IDS)


def _odd(row: Row) -> bytes:
    """Write the ids of a row's event and chunk, and no row."""
    return b"".join(bytes_of(identifier)[:16].ljust(16, b"\0") for identifier in row[:2]) + OTHER_TYPE.encode()


def write_posting(field: str, value: str, chunk: bytes) -> bytes:
    """Write a posting behind its chunk's id so that no two read the same; the statement ``postings_after`` does it too.

    The id of a chunk has 16 bytes; on SQLite a changed row may hold something else.
    """
    if len(chunk) != CHUNK_ID_BYTES:
        return chunk[:CHUNK_ID_BYTES].ljust(CHUNK_ID_BYTES, b"\0") + b"0," + OTHER_TYPE.encode()
    name = field.encode("utf-8", "surrogateescape")
    return b"%b%d,%b%b" % (chunk, len(name), name, value.encode("utf-8", "surrogateescape"))


def read_posting(written: bytes) -> tuple[str, str, bytes]:
    """Return field, value and chunk's id of what `write_posting` has written."""
    length, _, texts = written[CHUNK_ID_BYTES:].partition(b",")
    field, value = texts[:int(length)], texts[int(length):]
    return (
        field.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape"), written[:CHUNK_ID_BYTES]
    )


def bytes_of(value: Any) -> bytes:
    """Return bytes, and none for a value of another type."""
    return value if type(value) is bytes else b""


def number_of(value: Any) -> int:
    """Return a number, and a negative one for a value of another type."""
    return value if type(value) is int else -1
