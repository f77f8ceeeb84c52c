"""Connects to the first of the servers in ``DB_HOST`` that takes writes, and keeps to it until it fails.

A server that comes back is not returned to while the one in use does its work: nothing moves twice for one failure, and
whoever starts again finds no crowd. Every connection of a process leads to the same server: when a new one had to go to
another, those that are left on the old server are given up, because who waits on them waits for nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import pymysql

from audit_webhook.config import Config
from audit_webhook.deadline import left, within
from audit_webhook.storage.mysql.connection import MysqlConnection, connect_mysql
from audit_webhook.storage.text_columns import text_of

HOST_SECONDS: Final = 1.0
"""How long one of several servers may take until it is ready: the health probe's question is over after 1.5 seconds."""

_SILENT: Final = (pymysql.Error, OSError)

Address = tuple[str, int]


class Preference:
    """The order in which servers are tried: the one in use, then as listed, and last those that failed, latest last."""

    def __init__(self, addresses: Sequence[Address], clock: Callable[[], float] = time.monotonic) -> None:
        """Prefer them as they are listed; nothing is in use yet."""
        self._lock = threading.Lock()
        self._clock = clock
        self._failed = dict.fromkeys(addresses, float("-inf"))
        self.used: Address | None = None

    def order(self) -> list[Address]:
        """Give all of them, the best first."""
        with self._lock:
            return sorted(self._failed, key=lambda address: (address != self.used, self._failed[address]))

    def note_failed(self, address: Address) -> None:
        """Take notice that a server cannot be used now."""
        with self._lock:
            self._failed[address] = self._clock()
            if self.used == address:
                self.used = None

    def note_used(self, address: Address) -> bool:
        """Take notice that a server does its work; say whether it is another one than before."""
        with self._lock:
            is_other, self.used = self.used != address, address
            return is_other


class Servers:
    """All servers of ``DB_HOST``, as one place to connect to."""

    def __init__(self, config: Config, may_create: bool = True) -> None:
        """Take the settings; nothing is connected yet. A database that is missing is created, if that is wanted."""
        self._config = config
        self._may_create = may_create
        self._preference = Preference(config.db_servers)
        self.on_move: Callable[[], None] = lambda: None

    def connect(self) -> MysqlConnection:
        """Give a connection to the best server that is ready; raises the last one's error when none is."""
        if len(self._config.db_servers) == 1:
            return connect_mysql(self._config, may_create=self._may_create)
        error: BaseException = TimeoutError("no server was asked")
        for address in self._preference.order():
            seconds = left(HOST_SECONDS)
            try:
                with within(seconds):
                    connection = _connect_writable(self._config, address, self._may_create)
            except _SILENT as failure:
                error = failure
                if seconds == HOST_SECONDS or not isinstance(failure, TimeoutError):
                    self._preference.note_failed(address)
            else:
                if self._preference.note_used(address):
                    self.on_move()
                return connection
        raise error

    def is_used(self, connection: Any) -> bool:
        """Whether a connection leads to the server in use."""
        used = self._preference.used
        return used is None or (connection.host, connection.port) == used


def _connect_writable(config: Config, address: Address, may_create: bool) -> MysqlConnection:
    """Connect to a server; raises OperationalError when it is a replica or has lost its cluster."""
    connection = connect_mysql(config, address, may_create)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT @@read_only")
            ((is_read_only,),) = cursor.fetchall()
            cursor.execute("SHOW STATUS LIKE 'wsrep_ready'")
            states = [text_of(state) for _, state in cursor.fetchall()]
        has_lost_cluster = connection.is_galera and states != ["ON"]
        if is_read_only or has_lost_cluster:
            raise pymysql.err.OperationalError(0, f"{address[0]}:{address[1]} answers, but does not take writes now")
    except BaseException:
        connection.close()
        raise
    return connection
