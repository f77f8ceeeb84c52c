"""The service as processes: several on one socket, their deaths, their orderly end, their memory and their log."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from audit_webhook.config import Config
from audit_webhook.errors import ConfigError
from audit_webhook.storage.repository import open_repository
from audit_webhook.storage.search_sql import EVERYTHING, LAST
from tests.conftest import development
from tests.factories import audit_event, encode, event_list
from tests.mariadb import free_port
from tests.serving import TOKEN, Service, get, memory, post, samples, serving

MEBIBYTE = 1024**2
SENDERS = 4


class Load:
    """Clients that send batches until told to stop, and a ledger of the events that were acknowledged."""

    def __init__(self, service: Service) -> None:
        """Begin to send."""
        self.acknowledged: set[bytes] = set()
        self.received = 0
        self.failures = 0
        self._service = service
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._send, args=(number,)) for number in range(SENDERS)]
        for thread in self._threads:
            thread.start()

    def _send(self, number: int) -> None:
        count = 0
        while not self._stopped.is_set():
            count += 1
            events = [encode(audit_event(count / 100, verb=f"v{number}-{count}-{part}")) for part in range(20)]
            while True:
                answer = post(self._service.url, event_list(events), cluster=f"c{number}")
                with self._lock:
                    if answer.status == 200:
                        self.acknowledged.update(events)
                        self.received += len(events)
                        break
                    self.failures += 1
                if self._stopped.is_set():
                    return
                time.sleep(0.02)

    def stop(self) -> None:
        """Send no more, and wait until every client knows how its last batch fared."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(40)


def stored(config: Config) -> list[bytes]:
    """Give the bytes of every stored event."""
    repository = open_repository(config)
    try:
        return [raw.raw for raw in repository.read_chunks(repository.select_events(EVERYTHING, LAST, 1_000_000))]
    finally:
        repository.close()


def settings_of(config: Config) -> dict[str, str]:
    """Give the environment that leads to the store of these settings."""
    if not config.db_host:
        return {"DB_PATH": str(Path(config.db_path).resolve())}
    return {
        "DB_HOST": config.db_host, "DB_PORT": str(config.db_port), "DB_USER": config.db_user, "DB_NAME": config.db_name
    }


def wait_for(question: Callable[[], bool], seconds: float = 15) -> None:
    """Ask again and again until the answer is yes; a no in the end fails the test."""
    deadline = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_sigterm_under_load_loses_nothing_that_was_acknowledged(engine: Config, tmp_path: Path) -> None:
    for _ in range(2):
        with serving(tmp_path, **settings_of(engine)) as service:
            load = Load(service)
            wait_for(lambda: len(load.acknowledged) > 200)
            began = time.monotonic()
            assert service.stop() == 0
            assert time.monotonic() - began < 30
            load.stop()
        kept = stored(engine)
        assert load.acknowledged <= set(kept)
        assert len(kept) == len(set(kept))


def test_process_told_to_stop_is_not_ready_and_still_answers(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        service.process.send_signal(signal.SIGTERM)
        wait_for(lambda: get(f"{service.url}/readyz").status == 503, 2)
        answer = post(service.url, event_list([audit_event()]))
        assert (answer.status, answer.headers["Connection"]) == (200, "close")
        assert service.process.wait(30) == 0


def test_second_signal_ends_at_once(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        service.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(1) == 128 + signal.SIGTERM


def test_killed_worker_comes_back_and_loses_neither_events_nor_counts(mariadb_config: Config, tmp_path: Path) -> None:
    with serving(tmp_path, WORKERS="2", **settings_of(mariadb_config)) as service:
        load = Load(service)
        for _ in range(4):
            victim = service.children()[0]
            seen = len(load.acknowledged)
            os.kill(victim, signal.SIGKILL)
            wait_for(lambda: len(load.acknowledged) > seen + 100)  # noqa: B023
            wait_for(lambda: len(service.children()) == 3 and victim not in service.children())  # noqa: B023
        load.stop()
        counted = samples(get(f"{service.url}/metrics").body)
        assert service.stop() == 0
    kept = stored(mariadb_config)
    assert load.acknowledged <= set(kept) and len(kept) == len(set(kept))
    assert counted["audit_webhook_process_starts_total"] == 7
    for number in range(SENDERS):
        went = [
            counted[f'audit_webhook_events_total{{cluster="c{number}",outcome="{outcome}"}}']
            for outcome in ("stored", "spooled", "quarantined", "duplicate", "refused")
        ]
        assert counted[f'audit_webhook_events_received_total{{cluster="c{number}"}}'] == sum(went)


def test_workers_count_exactly_what_was_acknowledged(mariadb_config: Config, tmp_path: Path) -> None:
    with serving(tmp_path, WORKERS="2", **settings_of(mariadb_config)) as service:
        load = Load(service)
        wait_for(lambda: load.received > 1000)
        load.stop()
        scrapes = [samples(get(f"{service.url}/metrics").body) for _ in range(6)]  # by whichever worker
    for counted in scrapes:
        events = {name: value for name, value in counted.items() if name.startswith("audit_webhook_events_")}
        assert sum(value for name, value in events.items() if "received" in name) == load.received
        assert sum(value for name, value in events.items() if 'outcome="stored"' in name) == len(load.acknowledged)
    assert load.failures == 0


def test_workers_end_when_their_parent_was_killed(mariadb_config: Config, tmp_path: Path) -> None:
    with serving(tmp_path, WORKERS="2", **settings_of(mariadb_config)) as service:
        workers = service.children()
        service.process.kill()
        service.process.wait()
        wait_for(lambda: get(f"{service.url}/healthz", 1).status == 0)
        wait_for(lambda: not any(Path(f"/proc/{number}/cmdline").exists() for number in workers))


def test_pages_have_a_listener_and_a_process_of_their_own(tmp_path: Path) -> None:
    port = str(free_port())
    with serving(tmp_path, UI_PORT=port, ENVIRONMENT="development") as service:
        pages = f"http://127.0.0.1:{port}"
        wait_for(lambda: get(f"{pages}/").status == 200)
        assert len(service.children()) == 2
        assert [get(service.url + path).status for path in ("/healthz", "/metrics", "/", "/setup", "/static/app.css",
                                                            "/api/v1/events")] == [200, 200, 404, 404, 404, 404]
        assert [get(pages + path).status for path in ("/setup", "/api/v1/events", "/metrics")] == [200, 200, 404]
        assert post(pages, event_list([audit_event()])).status == 404
        assert post(pages, b"x" * MEBIBYTE).status == 413
        assert post(service.url, event_list([audit_event()])).status == 200
        assert len(orjson.loads(get(f"{pages}/api/v1/events").body)["events"]) == 1
        os.kill(service.children()[1], signal.SIGKILL)
        assert post(service.url, event_list([audit_event(1)])).status == 200
        wait_for(lambda: get(f"{pages}/").status == 200)
        assert service.stop() == 0


def test_several_workers_without_a_database_server_are_refused() -> None:
    with pytest.raises(ConfigError, match="WORKERS=2 needs MariaDB or MySQL: set DB_HOST"):
        development(WORKERS="2")
    with pytest.raises(ConfigError, match="UI_PORT=8080 is HTTP_PORT too"):
        development(UI_PORT="8080")
    with pytest.raises(ConfigError, match="UI_PORT=8081 needs MariaDB or MySQL"):
        development(ENVIRONMENT="production", WEBHOOK_TOKEN="t0ken", UI_PORT="8081")


def test_memory_stays_small_and_probes_quick_while_a_large_batch_is_stored(tmp_path: Path) -> None:
    body = event_list(audit_event(number, requestObject={"x": f"{number}" + "y" * 100_000}) for number in range(400))
    with serving(tmp_path) as service:
        assert memory(service.children()[0], "VmRSS") < 150 * MEBIBYTE
        slowest: list[float] = []
        done = threading.Event()

        def probe() -> None:
            while not done.is_set():
                slowest.append(max(get(f"{service.url}/{probe}").seconds for probe in ("healthz", "readyz")))
                slowest.append(post(service.url, event_list([audit_event(len(slowest), verb="probe")])).seconds)

        prober = threading.Thread(target=probe)
        prober.start()
        senders = [threading.Thread(target=post, args=(service.url, body), kwargs={"cluster": name}) for name in "ab"]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        done.set()
        prober.join()
        assert max(slowest[::2]) < 1 and max(slowest[1::2]) < 5
        assert memory(service.children()[0], "VmHWM") < 12 * len(body)
        counted = samples(get(f"{service.url}/metrics").body)
        for name in "ab":
            assert counted[f'audit_webhook_events_total{{cluster="{name}",outcome="stored"}}'] == 400


def test_log_of_production_is_json_and_holds_nothing_that_was_sent(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        post(service.url, event_list([audit_event(verb="marker-in-body")]))
        post(service.url, b"marker-in-body", token="marker-in-token")
        post(service.url, b"marker-in-body")
        get(f"{service.url}/?q=marker-in-query")
        get(f"{service.url}/events/marker-in-path%0d%0a%1b[31m")
        for _ in range(50):
            post(service.url, b"", token="wrong")
        service.stop()
        text = service.log.read_text()
    assert "marker" not in text and TOKEN not in text and "\x1b" not in text
    lines = [orjson.loads(line) for line in text.splitlines()]
    said = [line["message"] for line in lines]
    assert sum(message.startswith("refused a request: the token") for message in said) == 1
    assert any(message.startswith("listening on ") for message in said) and said[-1] == "all processes have stopped"
