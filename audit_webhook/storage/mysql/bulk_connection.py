"""A connection that runs a prepared statement for many rows at once, which MariaDB can and MySQL cannot.

The server parses nothing and converts nothing: it takes a fifth less time for a batch of events than for the same
INSERT as text (MariaDB 10.11). PyMySQL speaks no binary protocol; what is added here is the flag that asks for it and
the two commands that are needed.

Commands may be sent together: the answers wait in the socket until they are read, in the order of the commands, so that
a batch costs few turns between the two programs.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import pymysql
from pymysql.connections import MAX_PACKET_LEN, Connection
from pymysql.constants import CLIENT, COMMAND

from audit_webhook.storage.mysql.bulk_protocol import write_execution

_BULK_EXECUTE: Final = 0xFA
_BULK_OPERATIONS: Final = struct.pack("<I", 1 << 2)
_OWN: Final = CLIENT.LONG_PASSWORD
"""Unset by a MariaDB with capabilities of its own, and by a client that names some (mariadb.com/kb/en/connection)."""
MOST_UNREAD: Final = 256
"""Answers that may wait: when they fill the buffers of both sockets, the server stops to read, and both ends wait."""
_driver: Final[Any] = Connection
"""PyMySQL's own way, which its types do not tell of."""
_EMPTY: Final = bytes(23)
_FILLER: Final = slice(9, 32)


class PreparedConnection(Connection):
    """PyMySQL's connection, with `execute_rows`."""

    _prepared: dict[str, int]
    _unread: list[int] | None = None
    """The number that each answer will have which is still to be read; None while every command is awaited."""
    is_galera = False
    """Whether the server is a node of Galera.

    When it undoes a transaction for another node's, it was seen to answer the rows of a prepared statement with a
    duplicate key, where text is answered with the conflict, which is then tried again.
    """

    def connect(self, sock: Any = None) -> None:
        """Connect; statements are prepared anew."""
        self._prepared = {}
        super().connect(sock)

    @property
    def takes_rows(self) -> bool:
        """Whether the server is one that `execute_rows` can be used with."""
        return self._is_mariadb and not self.is_galera

    @property
    def _is_mariadb(self) -> bool:
        server: Any = self
        return not server.server_capabilities & _OWN

    def execute_rows(self, statement: str, parts: Iterable[Sequence[Sequence[Any]]]) -> int:
        """Run a statement with ``?`` for its values once for each part of the rows; give the rows affected.

        Raises Unwritable before any row is sent, and what the server answers, after which none of a part is there.
        """
        if statement not in self._prepared:
            self._prepared[statement] = self._prepare(statement)
        written = [write_execution(self._prepared[statement], rows) for rows in parts]
        return sum(self.send(_BULK_EXECUTE, packet) for packet in written)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Send rows within the block without awaiting the answers to those before; `read_answers` reads them."""
        self._unread = []
        try:
            yield
            self.read_answers()
        finally:
            self._leave_nothing_unread()
            self._unread = None

    def _leave_nothing_unread(self) -> None:
        """Read what is left after an error, or close: the next command must not get the answer to an earlier one."""
        driver: Any = self
        with suppress(pymysql.Error, OSError):
            self.read_answers()
        if self._unread:
            driver._force_close()

    def read_answers(self) -> None:
        """Read the answers to all that was sent; raises the first error among them."""
        driver: Any = self
        failed: pymysql.Error | None = None
        while self._unread:
            driver._next_seq_id = self._unread[0]
            try:
                self.read_answer()
            except pymysql.Error as error:
                failed = failed or error
            del self._unread[0]  # not when there was no time to read it: it is unread still
        try:
            if failed is not None:
                raise failed
        finally:
            failed = None  # a frame that holds the error whose traceback holds it would keep the whole batch in memory

    def read_answer(self) -> int:
        """Read one answer: the number of rows affected."""
        driver: Any = self
        if not driver.open:
            raise pymysql.err.InterfaceError(0, "the connection was lost")
        return int(driver._read_query_result())

    def send(self, command: int, packet: bytes) -> int:
        """Send a command, and give the rows that it affected; 0 when its answer is read later."""
        driver: Any = self
        if self._unread is not None and len(self._unread) >= MOST_UNREAD:
            self.read_answers()
        _driver._execute_command(self, command, packet)
        if self._unread is None:
            return self.read_answer()
        self._unread.append(driver._next_seq_id)
        return 0

    def _execute_command(self, command: int, sql: Any) -> None:
        """Send any other command when no answer is unread that could be taken for its own."""
        self.read_answers()
        _driver._execute_command(self, command, sql)

    def write_packet(self, payload: bytes) -> None:
        """Send a packet; the first one asks a MariaDB for what only it has."""
        if payload[_FILLER] == _EMPTY and payload[4:8] == struct.pack("<I", MAX_PACKET_LEN) and self._is_mariadb:
            flags = int.from_bytes(payload[:4], "little") & ~_OWN
            payload = struct.pack("<I", flags) + payload[4:28] + _BULK_OPERATIONS + payload[32:]
        super().write_packet(payload)

    def _prepare(self, statement: str) -> int:
        """Let the server prepare a statement, and give its number (COM_STMT_PREPARE)."""
        driver: Any = self
        driver._execute_command(COMMAND.COM_STMT_PREPARE, statement)
        number, columns, values = struct.unpack_from("<IHH", driver._read_packet().get_all_data(), 1)
        for described in filter(None, (values, columns)):
            for _ in range(described + 1):  # and an end of file packet
                driver._read_packet()
        return int(number)
