"""The floor: what the plainest receiver does, one row with its JSON for each event, over the same driver."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable
from typing import Any, Final

import orjson
import pymysql

from audit_webhook.config import Config
from audit_webhook.storage.mysql.connection import connect_mysql

TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS floor (id BINARY(16) NOT NULL PRIMARY KEY, cluster VARCHAR(63) NOT NULL, "
    "time VARCHAR(32) NOT NULL, raw LONGTEXT NOT NULL, KEY floor_time (cluster, time)) CHARSET utf8mb4"
)
INSERT: Final = "INSERT INTO floor (id, cluster, time, raw) VALUES (%s, %s, %s, %s)"


def floor_app(config: Config) -> Callable[[dict[str, Any], Callable[..., object]], Iterable[bytes]]:
    """Give a WSGI application that stores every event of a batch as a row of JSON and answers 200 once committed."""
    own = threading.local()

    def answer(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        items = orjson.loads(environ["wsgi.input"].read())["items"]
        if not hasattr(own, "connection"):
            own.connection = connect_mysql(config)
        with own.connection.cursor() as cursor:
            cursor.executemany(INSERT, [_row(item) for item in items])
        own.connection.commit()
        start_response("200 OK", [("Content-Length", "0")])
        return ()

    return answer


def _row(item: dict[str, str]) -> tuple[bytes, str, str, str]:
    return secrets.token_bytes(16), "bench", item["stageTimestamp"], orjson.dumps(item).decode()


def create_table(connection: pymysql.Connection[Any]) -> None:
    """Create the table in a database of its own."""
    connection.cursor().execute("CREATE DATABASE IF NOT EXISTS floor")
    connection.select_db("floor")
    connection.cursor().execute(TABLE)
