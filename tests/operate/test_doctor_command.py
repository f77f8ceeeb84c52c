"""What the doctor's command prints: a line for each finding, or JSON, and an exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from audit_webhook.cli import main
from audit_webhook.operate.doctor import worst
from audit_webhook.operate.doctor.finding import Finding, say_seconds, say_size
from tests.mariadb import free_port

LONG_TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own to work in, with settings for a trial."""
    for name in ("WEBHOOK_TOKEN", "DB_HOST", "DB_PATH", "SPOOL_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ENVIRONMENT", "development")
    monkeypatch.setenv("HTTP_PORT", str(free_port()))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_command_prints_a_line_for_each_finding(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.split(": ")[0] in ("ok", "warn", "fail") for line in lines)
    assert "warn: database: audit.db is not there yet; nothing, if this is new: serve makes it" in lines


def test_command_says_no_when_something_fails(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / ".env").write_text("SPOOL_DIR=/proc/spool\n")
    assert main(["doctor", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["status"] == "fail"
    assert [each["check"] for each in document["checks"] if each["status"] == "fail"] == ["spool"]


def test_setting_that_cannot_be_read_is_a_finding(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / ".env").write_text("DB_PORT=x\nWORKERS=many\n")
    assert main(["doctor"]) == 1
    assert [line[:14] for line in capsys.readouterr().out.splitlines()] == ["fail: settings"] * 2


def test_no_file_s_name_can_write_a_line_of_its_own(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "tokens").mkdir()
    (folder / "tokens" / "a\nok: all is well\x1b[2J").write_text(LONG_TOKEN)
    (folder / ".env").write_text("WEBHOOK_TOKENS_DIR=tokens\n")
    main(["doctor"])
    shown = capsys.readouterr().out
    assert "\x1b" not in shown and "ok: all is well" not in shown.splitlines()


def test_worst_finding_decides() -> None:
    kinds = [Finding("a", "ok", ""), Finding("b", "fail", ""), Finding("c", "warn", "")]
    assert [worst(kinds), worst(kinds[::2]), worst([])] == ["fail", "warn", "ok"]


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 bytes"), (1536, "1.5 KiB"), (16 * 1024**2, "16 MiB"), (1010 * 1024**2, "1010 MiB")]
)
def test_sizes_are_written_for_people(size: int, text: str) -> None:
    assert say_size(size) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.0042, "4 ms"), (90, "90 seconds"), (10_800, "3 hours")])
def test_times_are_written_for_people(seconds: float, text: str) -> None:
    assert say_seconds(seconds) == text
