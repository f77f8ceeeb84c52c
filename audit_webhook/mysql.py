"""A connection to MariaDB or MySQL that never waits for ever, and never sends what the server cannot take."""

from __future__ import annotations

from typing import Any, Final

import pymysql
from pymysql.constants import ER

from audit_webhook.deadline import left

CONNECT_SECONDS: Final = 2
STATEMENT_SECONDS: Final = 10
_HEAD_BYTES: Final = 64


class MysqlConnection(pymysql.connections.Connection):
    """Waits for the server no longer than what is being done has left.

    PyMySQL has one wait for reading and one for writing, given once; both are looked at again for each packet. A packet
    above the server's limit makes it hang up, which looks like a lost connection and would be tried again for ever.
    """

    largest_packet = 16 * 1024**2

    def connect(self, sock: Any = None) -> None:
        """Connect within what is left."""
        self.connect_timeout = left(CONNECT_SECONDS)
        self.bound()
        super().connect(sock)

    def query(self, sql: Any, unbuffered: bool = False) -> Any:
        """Run a statement within what is left; raises DataError when it is larger than the server takes."""
        self.bound()
        packet = sql.encode(self.encoding, "surrogateescape") if isinstance(sql, str) else sql
        if len(packet) + _HEAD_BYTES > self.largest_packet:
            raise pymysql.err.DataError(
                ER.NET_PACKET_TOO_LARGE, f"{len(packet)} bytes are more than max_allowed_packet={self.largest_packet}"
            )
        return super().query(packet, unbuffered)

    def commit(self) -> None:
        """Commit within what is left."""
        self.bound()
        super().commit()

    def bound(self) -> None:
        """Take the waits from what is left now."""
        self._read_timeout = self._write_timeout = left(STATEMENT_SECONDS)
