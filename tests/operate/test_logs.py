"""The log: one line for one thing, whatever was sent."""

from __future__ import annotations

import io
import logging
import sys

import orjson
import pytest

from audit_webhook.operate.logs import JsonLines, StandardError, TextLines


def record(message: str, **extra: object) -> logging.LogRecord:
    return logging.getLogger("x").makeRecord("x", logging.INFO, "f", 1, message, (), None, extra=extra)


def test_line_of_json_has_time_level_message_and_fields() -> None:
    line = orjson.loads(JsonLines().format(record("started", pid=7)))
    assert (line["level"], line["message"], line["pid"]) == ("info", "started", 7)
    assert line["time"].endswith("+00:00")


def test_nothing_begins_a_second_line_or_drives_a_terminal() -> None:
    evil = record("a\r\nb\x1b[31m\u2028", cluster="c\nd")
    for formatter in (JsonLines(), TextLines()):
        line = formatter.format(evil)
        assert len(line.splitlines()) == 1 and "\x1b" not in line


def test_log_goes_to_what_standard_error_is_now_and_never_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = io.StringIO(), io.StringIO()
    handler = StandardError()
    monkeypatch.setattr(sys, "stderr", first)
    handler.emit(record("one"))
    monkeypatch.setattr(sys, "stderr", second)
    handler.emit(record("two"))
    second.close()
    handler.emit(record("three"))
    handler.emit(record("%d %d"))
    assert first.getvalue() == "one\n"


def test_exception_in_production_tells_where_and_not_what_it_held() -> None:
    try:
        raise ValueError("a piece of an event")
    except ValueError:
        failed = record("unforeseen")
        failed.exc_info = sys.exc_info()
    line = JsonLines().format(failed)
    assert "a piece" not in line and '"exception":"ValueError"' in line and "test_logs.py:" in line
