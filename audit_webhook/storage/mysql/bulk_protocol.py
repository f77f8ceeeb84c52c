"""Writes rows as MariaDB takes them for a prepared statement: nothing to escape, nothing for the server to parse.

The payload of COM_STMT_BULK_EXECUTE (mariadb.com/kb/en/com_stmt_bulk_execute): the types of the columns, then each
value of each row behind a byte that says that there is one, texts and bytes behind their length.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from audit_webhook.storage.mysql.insert_text import LONGEST, Unwritable

SEND_TYPES: Final = 128
_NUMBER: Final = b"\x08\0"  # MYSQL_TYPE_LONGLONG, with a sign
_TEXT: Final = b"\xfd\0"  # MYSQL_TYPE_VAR_STRING
_BYTES: Final = b"\xfc\0"  # MYSQL_TYPE_BLOB: the server does not look for characters in it
_number: Final = struct.Struct("<q").pack
_head: Final = struct.Struct("<IH").pack


def write_length(length: int) -> bytes:
    """Write the length of a string (mariadb.com/kb/en/protocol-data-types, length encoded integers)."""
    if length < 251:
        return bytes((length,))
    if length < 1 << 16:
        return b"\xfc" + length.to_bytes(2, "little")
    return b"\xfd" + length.to_bytes(3, "little") if length < 1 << 24 else b"\xfe" + length.to_bytes(8, "little")


_LENGTHS: Final = list(map(write_length, range(LONGEST + 1)))

_Column = tuple[bytes, bytes, Iterable[bytes]]
"""A type, the form of a value in a row, and what to put into it for each row."""


def write_execution(statement: int, rows: Sequence[Sequence[Any]]) -> bytes:
    """Write the payload that runs a prepared statement for at least one row; raises Unwritable.

    Of a single row, values may be longer than `bulk.LONGEST`.
    """
    types, forms, columns = zip(*map(_write_column, zip(*rows, strict=True)), strict=True)
    written = map(b"".join(forms).__mod__, zip(*columns, strict=True))
    return b"".join((_head(statement, SEND_TYPES), *types, *written))


def _write_column(values: Sequence[Any]) -> _Column:
    kinds = set(map(type, values))
    kind = kinds.pop()
    if kinds or kind not in _WRITERS:
        raise Unwritable(kind.__name__)
    return _WRITERS[kind](values)


def _write_numbers(values: Sequence[int]) -> _Column:
    try:
        return _NUMBER, b"\0%b", list(map(_number, values))
    except struct.error as error:
        raise Unwritable(str(error)) from error


def _write_texts(values: Sequence[str]) -> _Column:
    return _write_strings([value.encode("utf-8", "surrogateescape") for value in values], _TEXT)


def _write_strings(values: Sequence[bytes], kind: bytes = _BYTES) -> _Column:
    """Write strings; when all are equally long, as ids are, their length is part of the form."""
    lengths = set(map(len, values))
    if max(lengths) > LONGEST and len(values) > 1:
        raise Unwritable("a long value")
    if len(lengths) == 1:
        return kind, b"\0%b%%b" % write_length(lengths.pop()).replace(b"%", b"%%"), values
    return kind, b"\0%b", [_LENGTHS[len(value)] + value for value in values]


_WRITERS: Final[dict[type, Callable[[Sequence[Any]], _Column]]] = {
    bytes: _write_strings, int: _write_numbers, str: _write_texts,
}
