"""What goes on in the background goes on, whatever its task raises."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from audit_webhook import app as composition
from audit_webhook import worker as module
from audit_webhook.config import Config
from audit_webhook.context import context_of
from audit_webhook.operate.metrics import Metrics
from audit_webhook.worker import Worker, Workers
from tests.serving import samples

FAILURES: Final = (
    ValueError("x"), KeyError("y"), RecursionError(), MemoryError(), UnicodeDecodeError("a", b"", 0, 1, ""),
)


class Failing(Worker):
    """Fails in a different way at each run, then succeeds for good."""

    name = "failing"

    def __init__(self) -> None:
        super().__init__()
        self.runs = 0
        self.finished = threading.Event()

    def work(self) -> float:
        self.runs += 1
        if self.runs <= len(FAILURES):
            raise FAILURES[self.runs - 1]
        self.finished.set()
        return 0.01

    def finish(self) -> None:
        raise OSError("at the end")


def wait_for(question: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until the answer is yes."""
    deadline = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(module, "LONGEST_RETRY_SECONDS", 0.02)


def test_task_that_fails_is_logged_counted_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    failing, counted = Failing(), list[str]()
    workers = Workers(failing, note_failure=counted.append).start()
    assert failing.finished.wait(20)
    workers.stop()
    wait_for(lambda: len(counted) == len(FAILURES) + 1)
    assert set(counted) == {"failing"}
    assert caplog.text.count("background task 'failing' failed") == len(FAILURES) + 1
    assert "at the end" in caplog.text


def test_failure_that_cannot_be_counted_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    failing = Failing()

    def refuse(name: str) -> None:
        raise RuntimeError("no room")

    workers = Workers(failing, note_failure=refuse).start()
    assert failing.finished.wait(20)
    workers.stop()
    assert "could not be counted" in caplog.text


def test_worker_that_cannot_start_keeps_no_other_from_it() -> None:
    class Unstartable(Worker):
        def start(self) -> None:
            raise OSError("no threads left")

    failing = Failing()
    workers = Workers(Unstartable(), failing).start()
    assert failing.finished.wait(20)
    workers.stop()


def test_every_worker_of_the_application_survives_any_exception(
    sqlite_config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever class is added later is looked at too: they are taken from the running application."""
    settings = {
        "SPOOL_DIR": str(tmp_path / "spool"), "EVIDENCE_KEY_FILE": str(tmp_path / "key"), "RETENTION_DAYS": "30",
        "SINKS_FILE": str(tmp_path / "sinks.toml"),
    }
    (tmp_path / "sinks.toml").touch()
    config = Config.from_env({"ENVIRONMENT": "development", "DB_PATH": sqlite_config.db_path, **settings})
    started: list[Worker] = []
    original = composition.Workers

    def remember(*workers: Worker, **options: Any) -> Workers:
        started.extend(workers)
        for each in workers:
            monkeypatch.setattr(each, "work", fail_once_then(each, each.work))
            each.first_pause = 0.0
        return original(*workers, **options)

    runs: dict[str, int] = {}

    def fail_once_then(worker: Worker, work: Callable[[], float]) -> Callable[[], float]:
        def attempt() -> float:
            runs[worker.name] = runs.get(worker.name, 0) + 1
            if runs[worker.name] == 1:
                raise LookupError("nobody thought of this")
            work()
            return 0.05

        return attempt

    monkeypatch.setattr(composition, "Workers", remember)
    app = composition.create_app(config)
    try:
        wait_for(lambda: len(runs) == len(started) >= 6 and min(runs.values()) > 2)
        failures = failures_of(context_of(app).metrics)
    finally:
        app.extensions["workers"].stop()
        context_of(app).repository.close()
    assert failures == {worker.name: 1.0 for worker in started}


def failures_of(metrics: Metrics) -> dict[str, float]:
    """Return how often each task failed."""
    prefix = "audit_webhook_background_failures_total{"
    return {
        name.split('"')[1]: value for name, value in samples(metrics.expose("")[0]).items() if name.startswith(prefix)
    }
