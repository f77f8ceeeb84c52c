"""Connections to the two engines, MariaDB/MySQL and SQLite, behind one small class.

One writing connection a process, behind a lock: its transactions become visible in the order of their sequence
numbers, and SQLite's WAL never has two writers. Reading connections come from a pool. Every error of a driver is
classified here, once (`classify`); a connection that saw one is thrown away, because after a lost connection nobody can
know what it was in the middle of.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import pymysql

from audit_webhook.config import Config
from audit_webhook.deadline import check, has_passed, held, within
from audit_webhook.errors import (
    AuditWebhookError, DeadlineExceeded, DuplicateKey, RowRefused, StoreBusy, StoreMisconfigured, StoreMoved,
    StoreUnavailable,
)
from audit_webhook.storage.mysql.connection import MysqlConnection
from audit_webhook.storage.mysql.failover import Servers
from audit_webhook.storage.sqlite.file import SqliteFile
from audit_webhook.storage.sqlite.rescue import follow

CALL_SECONDS: Final = 20
POOLED: Final = 16

Row = tuple[Any, ...]
Dialect = Literal["mysql", "sqlite"]

# Codes as MariaDB 10.11 was seen to answer; the meaning of each is in MariaDB's "Error Codes" list. Those above 8000
# are TiDB's, from its "Error Codes and Troubleshooting": conflicts of writes, and a row that is larger than it takes.
_BUSY: Final = {1205, 1213, 1020, 8002, 8022, 9007}
_DUPLICATE: Final = {1062}
_OUT_OF_TIME: Final = {1969, 3024}
_CONFIGURATION: Final = {1044, 1045, 1049, 1054, 1142, 1143, 1146, 1227, 1698}
_REFUSED: Final = {1153, 1264, 1366, 1406, 1048, 4025, 3140, 8025}
DRIVER_ERRORS: Final = (pymysql.Error, sqlite3.Error, OSError)


class Cursor(Protocol):
    """What both drivers' cursors can do."""

    rowcount: int

    def execute(self, statement: str, parameters: Sequence[Any] = ..., /) -> Any:
        """Run one statement."""

    def executemany(self, statement: str, parameters: Sequence[Sequence[Any]], /) -> Any:
        """Run one statement for every row of parameters."""

    def fetchall(self) -> Sequence[Row]:
        """Give the rows of the last statement."""

    def fetchone(self) -> Row | None:
        """Give the next row of the last statement."""


class Pipeline(Protocol):
    """A connection on which statements can be sent without awaiting each answer; see `prepared.PreparedConnection`."""

    def together(self) -> AbstractContextManager[None]:
        """Send the rows of the block without awaiting the answers."""

    def read_answers(self) -> None:
        """Read the answers to all that was sent; raises the first error among them."""


def pipeline_of(cursor: Cursor) -> Pipeline | None:
    """Give the connection of a cursor if it is one on which statements can be sent together."""
    connection = getattr(cursor, "connection", None)
    return connection if isinstance(connection, MysqlConnection) and connection.takes_rows else None


def classify(error: BaseException) -> AuditWebhookError:
    """Say in the words of the domain what a driver's error means."""
    if isinstance(error, sqlite3.Error):
        return _classify_sqlite(error)
    if isinstance(error, TimeoutError):
        return DeadlineExceeded(str(error))
    code = error.args[0] if isinstance(error, pymysql.Error) and error.args else None
    if code in _BUSY:
        return StoreBusy(str(error))
    if code in _DUPLICATE:
        return DuplicateKey(str(error))
    if code in _CONFIGURATION:
        return StoreMisconfigured(str(error))
    if code in _REFUSED or isinstance(error, pymysql.err.ProgrammingError | pymysql.err.DataError):
        return RowRefused(str(error))
    return (DeadlineExceeded if code in _OUT_OF_TIME or has_passed() else StoreUnavailable)(str(error))


def _classify_sqlite(error: sqlite3.Error) -> AuditWebhookError:
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith(("SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_UNIQUE")):
        return DuplicateKey(str(error))
    if name.startswith(("SQLITE_CONSTRAINT", "SQLITE_TOOBIG", "SQLITE_MISMATCH")):
        return RowRefused(str(error))
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StoreBusy(str(error))
    if name == "SQLITE_INTERRUPT":
        return DeadlineExceeded("a query took too long")
    if name.startswith(("SQLITE_CANTOPEN", "SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_ERROR", "SQLITE_AUTH")):
        return StoreMisconfigured(str(error))
    return StoreUnavailable(str(error))


@contextmanager
def classified() -> Iterator[None]:
    """Turn a driver's error into one of the domain."""
    try:
        yield
    except DRIVER_ERRORS as error:
        raise classify(error) from error


class Database:
    """One database of either engine: `write` gives a transaction, `read` a cursor."""

    def __init__(
        self, dialect: Dialect, connect: Callable[[], Any], begin: str, on_new_writer: Callable[[], None],
        is_used: Callable[[Any], bool] = lambda connection: True, file: SqliteFile | None = None, engine: str = "",
    ) -> None:
        """Take what differs between the engines; nothing is connected yet.

        ``begin`` is the statement that begins a transaction, empty where the first one of any kind does.
        ``is_used`` tells whether a connection leads to where new ones lead too. ``file`` is that of an embedded one.
        ``engine`` is the storage engine in which MariaDB is to make tables.
        """
        self.file: Final = file
        self.engine: Final = engine
        self.dialect: Final[Dialect] = dialect
        self._connect = connect
        self._begin = begin
        self._on_new_writer = on_new_writer
        self._is_used = is_used
        self._writer: Any = None
        self._write_lock = threading.Lock()
        self._readers: queue.LifoQueue[Any] = queue.LifoQueue(POOLED)

    @contextmanager
    def write(self, seconds: float = CALL_SECONDS) -> Iterator[Cursor]:
        """Give a cursor in the process's one writing transaction; it is committed at the end or wholly undone.

        All of it, the wait for the transaction before it included, may take so many seconds.

        Raises what `classify` makes of a driver's error. After a `DuplicateKey` the connection is kept: nothing is
        wrong with it.
        """
        with within(seconds), classified(), held(self._write_lock):
            try:
                self._check_file(is_writing=True)
                cursor = self._open_writer().cursor()
                if self._begin:
                    cursor.execute(self._begin)
                yield cursor
                self._writer.commit()
                self._check_file(is_writing=True)  # a commit to a file without a name must not be acknowledged
            except BaseException as error:
                self._undo(keeps=isinstance(error, DuplicateKey))
                raise

    def _check_file(self, is_writing: bool = False) -> None:
        """Raise StoreMoved when the open file is not that of its name, or follow the server that has another open."""
        try:
            if self.file is not None and self.file.anchor is not None:
                self.file.check()
        except StoreMoved:
            self._empty_pool()
            if is_writing or self._write_lock.acquire(blocking=False):
                writer, self._writer = self._writer, None
                _close(writer)
                if not is_writing:
                    self._write_lock.release()
            if self.file is None or not follow(self.file):
                raise

    def _open_writer(self) -> Any:
        if self._writer is None:
            self._writer = self._connect()
            self._on_new_writer()
        return self._writer

    def _undo(self, keeps: bool) -> None:
        """Roll back, and part with the connection unless it is to be kept: only a new one is known to be clean."""
        writer, self._writer = self._writer, None
        with suppress(*DRIVER_ERRORS):
            if writer is not None:
                writer.rollback()
                if keeps:
                    self._writer = writer
                    return
        _close(writer)

    @contextmanager
    def read(self) -> Iterator[Cursor]:
        """Give a cursor for reading; the connection goes back to the pool unless something went wrong."""
        connection = None
        with within(CALL_SECONDS), classified():
            check()
            try:
                self._check_file()
                try:
                    connection = self._readers.get_nowait()
                    _ping(connection)
                except (queue.Empty, *DRIVER_ERRORS):
                    _close(connection)
                    connection = self._connect()
                    _end_queries(connection)
                yield connection.cursor()
            except DRIVER_ERRORS as error:
                _close(connection)
                if type(classify(error)) in (StoreUnavailable, DeadlineExceeded):
                    self._empty_pool()  # what one connection met, the others of the same server meet too
                raise
            except BaseException:
                _close(connection)
                raise
        self._give_back(connection)

    def _give_back(self, connection: Any) -> None:
        try:
            if self.dialect == "mysql":
                connection.rollback()
            if not self._is_used(connection):
                raise queue.Full
            self._readers.put_nowait(connection)
        except (queue.Full, *DRIVER_ERRORS):
            _close(connection)

    def leave(self) -> None:
        """Give up what leads to a server that is used no more, a write that waits for its answer included."""
        writer = self._writer
        if writer is not None and not self._is_used(writer):
            writer.cut()
        self._empty_pool()

    def close(self) -> None:
        """Close every connection that is not in use."""
        self.close_idle()
        if self.file is not None:
            self.file.close()

    def close_idle(self) -> None:
        """Close the connections that are not in use, but for the one that keeps an embedded database open."""
        with self._write_lock:
            _close(self._writer)
            self._writer = None
        self._empty_pool()

    def _empty_pool(self) -> None:
        while not self._readers.empty():
            with suppress(queue.Empty):
                _close(self._readers.get_nowait())


def _ping(connection: Any) -> None:
    if isinstance(connection, MysqlConnection):
        connection.bound()
        connection.ping(reconnect=False)


def _end_queries(connection: Any) -> None:
    """Let no query of a reader go on for longer than any reader waits."""
    if isinstance(connection, MysqlConnection):
        connection.end_queries_after(CALL_SECONDS)


def _close(connection: Any) -> None:
    with suppress(*DRIVER_ERRORS):
        if connection is not None:
            connection.close()


def open_database(config: Config, on_new_writer: Callable[[], None], may_create: bool = True) -> Database:
    """Choose the engine: the servers of ``DB_HOST``, or the SQLite file of ``DB_PATH``.

    ``on_new_writer`` is called whenever the writing connection is a new one. A server's database that is missing is
    created, if that is wanted.
    """
    if config.db_host:
        servers = Servers(config, may_create)
        database = Database("mysql", servers.connect, "", on_new_writer, servers.is_used, engine=config.db_engine)
        servers.on_move = database.leave
        return database
    file = SqliteFile(Path(config.db_path))
    return Database("sqlite", file.connect, "BEGIN IMMEDIATE", on_new_writer, file=file)
