"""Reads a result of one column in few steps a row: a comparison of all events reads millions of them.

A result is, after its columns, a packet for each row and one that ends it (mariadb.com/kb/en/result-set-packets): 3
bytes of length and a number before each packet, a length before each value. PyMySQL makes an object of each packet.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

import pymysql
from pymysql.connections import MAX_PACKET_LEN
from pymysql.constants import COMMAND, CR

_NULL, _TWO_BYTES, _END, _ERROR = 0xFB, 0xFC, 0xFE, 0xFF
_LONGEST_END: Final = 8


class _Connection(Protocol):
    """What is used of a connection."""

    encoding: str

    def bound(self) -> None:
        """Take the waits from what is left now."""


def read_values(connection: _Connection, statement: str) -> list[bytes]:
    """Return the values, of at most 65,535 bytes, of a query with one column."""
    driver: Any = connection
    connection.bound()
    driver._execute_command(COMMAND.COM_QUERY, statement.encode(connection.encoding, "surrogateescape"))
    for _ in range(3):  # how many columns there are, the column, and the end of columns
        driver._read_packet()
    try:
        return _read_rows(driver)
    except BaseException:
        driver._force_close()  # the next command must not get the rest of this answer
        raise


def _read_rows(driver: Any) -> list[bytes]:
    read, values = driver._rfile.read, []
    while True:
        head = read(4)
        size = int.from_bytes(head[:3], "little")
        row = read(size)
        if len(row) != size or len(head) != 4 or size == MAX_PACKET_LEN:
            raise pymysql.err.OperationalError(CR.CR_SERVER_LOST, "the server was lost while it answered")
        kind = row[0]
        if kind < _NULL:
            values.append(row[1:])
        elif kind == _TWO_BYTES:
            values.append(row[3:])
        elif kind == _END and size <= _LONGEST_END:
            return values
        elif kind == _ERROR:
            pymysql.err.raise_mysql_exception(row)
        else:
            values.append(b"")  # NULL, or longer than any row of these tables
