"""A connection to MariaDB or MySQL that never waits for ever, and never sends what the server cannot take."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any, Final

import pymysql
from pymysql.constants import ER

from audit_webhook.config import Config
from audit_webhook.deadline import left
from audit_webhook.errors import StoreMisconfigured
from audit_webhook.storage.mysql.bulk_connection import PreparedConnection
from audit_webhook.storage.mysql.cursor import BulkCursor
from audit_webhook.storage.mysql.tls import connection_arguments

CONNECT_SECONDS: Final = 2
STATEMENT_SECONDS: Final = 10
LOCK_SECONDS: Final = 5
ROCKSDB: Final = "ROCKSDB"
_HEAD_BYTES: Final = 64


class MysqlConnection(PreparedConnection):
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
        packet = sql.encode(self.encoding, "surrogateescape") if isinstance(sql, str) else sql
        self._prepare_to_send(packet)
        return super().query(packet, unbuffered)

    def send(self, command: int, packet: bytes) -> int:
        """Send a command within what is left; raises DataError when it is larger than the server takes."""
        self._prepare_to_send(packet)
        return super().send(command, packet)

    def read_answer(self) -> int:
        """Read an answer within what is left."""
        self.bound()
        return super().read_answer()

    def _prepare_to_send(self, packet: bytes) -> None:
        self.bound()
        if len(packet) + _HEAD_BYTES > self.largest_packet:
            raise pymysql.err.DataError(
                ER.NET_PACKET_TOO_LARGE, f"{len(packet)} bytes are more than max_allowed_packet={self.largest_packet}"
            )

    def commit(self) -> None:
        """Commit within what is left."""
        self.bound()
        super().commit()

    def bound(self) -> None:
        """Take the waits from what is left now."""
        self._read_timeout = self._write_timeout = left(STATEMENT_SECONDS)

    def end_queries_after(self, seconds: int) -> None:
        """Let the server itself end each query after so long: it does not notice that nobody waits any more.

        The names are MariaDB's max_statement_time and MySQL's max_execution_time; another server may know neither.
        """
        is_mariadb = "mariadb" in str(getattr(self, "server_version", "")).lower()
        limit = f"max_statement_time = {seconds}" if is_mariadb else f"max_execution_time = {seconds * 1000}"
        with suppress(pymysql.err.OperationalError, pymysql.err.ProgrammingError), self.cursor() as cursor:
            cursor.execute(f"SET SESSION {limit}")

    def cut(self) -> None:
        """End the connection from another thread: whoever waits for an answer on it is told at once."""
        opened = getattr(self, "_sock", None)
        with suppress(OSError):
            if isinstance(opened, socket.socket):
                opened.shutdown(socket.SHUT_RDWR)


def connect_mysql(
    config: Config, address: tuple[str, int] | None = None, may_create: bool = True
) -> MysqlConnection:
    """Connect to a server, the first of the settings or another, with strict SQL and exact character sets.

    A database that is missing is created, if that is wanted.
    """
    address = address or config.db_servers[0]
    try:
        connection = _connect(config, address, config.db_name)
    except pymysql.err.OperationalError as error:
        if error.args[0] != ER.BAD_DB_ERROR or not may_create:
            raise
        _create_database(config, address)
        connection = _connect(config, address, config.db_name)
    with connection.cursor() as cursor:
        cursor.execute(
            "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION', "
            f"innodb_lock_wait_timeout = {LOCK_SECONDS}, time_zone = '+00:00', "
            "autocommit = 0"  # so that the first statement begins a transaction, without a command for that
        )
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        if config.db_engine == ROCKSDB:
            _prepare_rocksdb(cursor)
        cursor.execute("SELECT @@max_allowed_packet")
        ((connection.largest_packet,),) = cursor.fetchall()
        cursor.execute("SHOW STATUS LIKE 'wsrep_provider_name'")
        connection.is_galera = any(provider for _, provider in cursor.fetchall())
    return connection


def _prepare_rocksdb(cursor: Any) -> None:
    """Let MyRocks wait for locks as long as InnoDB does, and notice deadlocks at once; raises StoreMisconfigured."""
    if not cursor.execute("SHOW VARIABLES LIKE 'rocksdb_deadlock_detect'"):
        raise StoreMisconfigured("DB_ENGINE=rocksdb needs MyRocks: install mariadb-plugin-rocksdb on the server")
    cursor.fetchall()
    cursor.execute(f"SET SESSION rocksdb_lock_wait_timeout = {LOCK_SECONDS}, rocksdb_deadlock_detect = ON")


def _connect(config: Config, address: tuple[str, int], database: str | None) -> MysqlConnection:
    return MysqlConnection(
        host=address[0],
        port=address[1],
        user=config.db_user,
        password=config.db_password,
        database=database,
        charset="utf8mb4",
        cursorclass=BulkCursor,
        **connection_arguments(config),
    )


def _create_database(config: Config, address: tuple[str, int]) -> None:
    """Create the database that is missing; its name was checked with the settings."""
    connection = _connect(config, address, None)
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE IF NOT EXISTS `{config.db_name}` CHARACTER SET utf8mb4")
    finally:
        connection.close()
