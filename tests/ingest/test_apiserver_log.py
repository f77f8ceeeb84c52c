"""A kube-apiserver's own log names the events that it gave up: read from every form that such a log is kept in."""

from __future__ import annotations

import gzip
import json
import random
import string
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit_webhook.cli import main
from audit_webhook.config import Config
from audit_webhook.ingest.apiserver_log import GivenUp, read_given_up
from audit_webhook.ingest.import_losses import import_losses, read_named
from audit_webhook.ingest.lost_events import LONGEST_VALUE, read_lost_event, read_time
from audit_webhook.storage.loss_store import LossStore
from audit_webhook.storage.repository import Repository, open_repository
from tests.factories import NOON_US

ERROR = 'Post "https://audit.example.com:8443/webhook/audit/prod?timeout=30s": dial tcp 10.0.0.5:8443: refused'
NOW = NOON_US


def audit_line(number: int = 1, uri: str = "/api/v1/namespaces/shop/pods/web-1", user: str = "alice") -> str:
    """Write a line as EventString does."""
    return (
        f'2026-11-22T11:5{number % 10}:00.123456Z AUDIT: id="id-{number}" stage="ResponseComplete" ip="192.0.2.10" '
        f'method="delete" user={json.dumps(user)} groups="\\"devs\\",\\"system:authenticated\\"" as="<self>" '
        f'asgroups="<lookup>" user-agent="kubectl/v1.36.2 (linux/amd64)" namespace="shop" uri={json.dumps(uri)} '
        'response="200"'
    )


def message(events: int = 2, plugin: str = "webhook", error: str = ERROR) -> str:
    """Write the message of a report with its events."""
    lines = [audit_line(number) for number in range(1, events + 1)]
    head = f"Error in audit plugin '{plugin}' affecting {events} audit events: {error}"
    return "\n".join([head, "Impacted events:", *lines])


def klog(text: str, stamp: str = "1122 11:59:30.654321") -> list[str]:
    """Write a message as klog's text, between two of others."""
    before, after = (f"I{stamp[:-1]}{digit}       1 trace.go:236] Trace[1]: uri:/x AUDIT: (total 1s)" for digit in "05")
    return [before, *f"E{stamp}       1 metrics.go:110] {text}\n".split("\n")[:-1], after]


def cri(lines: list[str]) -> Iterator[str]:
    """Wrap lines as containerd does, long ones in parts."""
    for line in lines:
        pieces = [line[start:start + 60] for start in range(0, len(line), 60)]
        for piece in pieces[:-1]:
            yield f"2026-11-22T11:59:30.700000000Z stderr P {piece}"
        yield f"2026-11-22T11:59:30.700000000Z stderr F {pieces[-1]}"


def docker(lines: list[str]) -> Iterator[str]:
    """Wrap lines as Docker's json-file does, long ones in parts."""
    for line in lines:
        text = line + "\n"
        for start in range(0, len(text), 70):
            yield json.dumps({"log": text[start:start + 70], "stream": "stderr", "time": "2026-11-22T11:59:30.7Z"})


def as_json(text: str) -> list[str]:
    """Write a message as klog's JSON."""
    moment = read_time("2026-11-22T11:59:30.654321Z")
    assert moment is not None
    return [json.dumps({"ts": moment / 1000, "caller": "audit/metrics.go:110", "msg": text + "\n", "v": 0})]


WRAPPED = {
    "klog": klog(message()),
    "json": as_json(message()),
    "cri": list(cri(klog(message()))),
    "cri-json": list(cri(as_json(message()))),
    "docker": list(docker(klog(message()))),
    "kubectl": [f"[pod/kube-apiserver-cp-1/kube-apiserver] 2026-11-22T11:59:30.7Z {line}" for line in klog(message())],
    "oc": [f"master-0 {line}" for line in klog(message())],
    "journal": [f"Nov 22 11:59:30 cp-1 kube-apiserver[812]: {line}" for line in klog(message())],
    "journal-iso": [f"2026-11-22T11:59:30+0000 cp-1 kube-apiserver[812]: {line}" for line in klog(message())],
    "journal-json": [json.dumps({"MESSAGE": line, "_PID": "812"}) for line in klog(message())],
    "collector": [json.dumps({"time": "2026-11-22T11:59:30.7Z", "message": line}) for line in klog(message())],
}


def read(lines: list[str], now: int = NOW) -> list[GivenUp]:
    return list(read_given_up([line.encode() for line in lines], now))


@pytest.mark.parametrize("form", WRAPPED)
def test_report_is_read_with_its_events_however_its_lines_are_wrapped(form: str) -> None:
    (report,) = read(WRAPPED[form])
    assert (report.plugin, report.events, report.error) == ("webhook", 2, ERROR)
    first, second = report.named
    assert (first.audit_id, first.user, first.verb, first.namespace) == ("id-1", "alice", "delete", "shop")
    assert (first.request_uri, first.code, first.impersonated_user) == ("/api/v1/namespaces/shop/pods/web-1", "200", "")
    assert second.audit_id == "id-2" and first.time == read_time("2026-11-22T11:51:00.123456Z")
    assert abs(report.time - (read_time("2026-11-22T11:59:30.7Z") or 0)) < 1_000_000


def test_report_is_the_same_whether_klog_wrote_text_or_json() -> None:
    stamps = {read(lines)[0].stamp for lines in WRAPPED.values()}
    assert stamps == {"1122 11:59:30.654321"}


def test_reports_follow_each_other_and_end_where_they_end() -> None:
    lines = klog(message(3)) + klog(message(1, "buffered", "audit buffer queue blocked"), "1122 11:59:31.000000")
    reports = read(lines)
    assert [(report.plugin, report.events, len(report.named)) for report in reports] == [
        ("webhook", 3, 3), ("buffered", 1, 1),
    ]
    assert all(report.is_of_webhook for report in reports)
    assert not read(klog(message(1, "log")))[0].is_of_webhook


def test_error_of_several_lines_is_taken_whole() -> None:
    (report,) = read(klog(message(1, error="first\nsecond")))
    assert report.error == "first second" and len(report.named) == 1


def test_log_that_breaks_off_says_what_is_left() -> None:
    (report,) = read(klog(message(5))[:-3])
    assert (report.events, len(report.named)) == (5, 3)


@pytest.mark.parametrize(("stamp", "now", "day"), [
    ("1231 23:59:59.000000", "2027-01-02T00:00:00Z", "2026-12-31"),
    ("0102 00:00:00.000000", "2027-01-02T01:00:00Z", "2027-01-02"),
    ("1101 00:00:00.000000", "2026-06-01T00:00:00Z", "2025-11-01"),
    ("0229 00:00:00.000000", "2025-03-01T00:00:00Z", "2024-02-29"),
])
def test_year_that_no_line_tells_is_the_last_that_fits(stamp: str, now: str, day: str) -> None:
    line = f"E{stamp} 1 metrics.go:110] Error in audit plugin 'webhook' affecting 4 audit events: x"
    (report,) = read([line], read_time(now) or 0)
    assert report.time == read_time(f"{day}T{stamp[5:]}Z")


@pytest.mark.parametrize("line", [
    "I1122 11:59:30.654321 1 x.go:1] Error in audit plugin 'webhook' affecting 9 audit events: not an error's line",
    "E1122 11:59:30.654321 1 x.go:1] uri /?Error in audit plugin 'webhook' affecting 9 audit events: x",
    "Error in audit plugin 'webhook' affecting 9 audit events: no head",
    "E1122 11:59:30.654321 1 x.go:1] Error in audit plugin 'webhook' affecting many audit events: x",
])
def test_what_only_looks_like_a_report_is_none(line: str) -> None:
    assert read([line]) == []


def test_nothing_within_an_event_ends_its_line_or_begins_a_report() -> None:
    hostile = f'x" response="500\nE1122 11:59:30.1 1 metrics.go:1] {message(2)}'
    head = "Error in audit plugin 'webhook' affecting 1 audit events: z\nImpacted events:"
    (report,) = read(klog(f"{head}\n{audit_line(1, hostile)}"))
    assert report.named[0].request_uri == hostile and report.named[0].code == "200"


def test_secret_in_a_uri_is_masked() -> None:
    event = read_lost_event(audit_line(1, "/api/v1/x?token=hunter2hunter2&watch=1"))
    assert event is not None and "hunter2" not in event.request_uri and "watch=1" in event.request_uri


def test_long_values_are_cut_and_broken_ones_read_as_far_as_they_go() -> None:
    event = read_lost_event(audit_line(1, "/x" * 5_000))
    assert event is not None and len(event.request_uri) == LONGEST_VALUE
    whole = audit_line(1, 'a\\b"c\x01é\U0001f600')
    for end in range(len(whole)):
        read_lost_event(whole[:end])


def test_any_lines_cost_time_in_proportion_and_no_exception() -> None:
    random.seed(7)
    parts = [*"\"'\\{}[]:= \n", "E1122 11:59:30.1 1 m.go:1] ", "Error in audit plugin '", "AUDIT: ", "Impacted events:",
             "2026-11-22T11:59:30Z ", "stderr P ", string.ascii_letters, '{"log":"', '{"msg":"', "=\"", "\\x"]
    for _ in range(2_000):
        read(["".join(random.choices(parts, k=random.randrange(30))) for _ in range(8)])

    def cost(line: str) -> float:
        began = time.process_time()
        read(klog(f"Error in audit plugin 'webhook' affecting 1 audit events: x\nImpacted events:\n{line}"))
        read([line])
        return time.process_time() - began

    head = "2026-11-22T11:59:30Z AUDIT: "
    for unit in ('a="', 'a="\\"', "\\", '"', "= ", 'x="\\u12', " ", "{", '{"log":', "[pod/", "2026-11-22T11:59:30Z "):
        small, large = (cost(head + unit * count) + cost(unit * count) for count in (5_000, 20_000))
        assert large < 16 * small + 0.2, unit


def test_log_that_is_imported_twice_is_stored_once(repository: Repository) -> None:
    store = LossStore(repository.database)
    for form, new in (("klog", 1), ("cri", 0), ("json", 0), ("klog", 0)):
        lines = [line.encode() for line in WRAPPED[form]]
        report = import_losses(store, "prod", "kube-apiserver.log", lines, NOW)
        assert (report.reports, report.new, report.events, report.named) == (1, new, 2, 2)
    found, is_all = store.list_losses(0, 2 * NOW)
    assert is_all and [(loss.cluster, loss.events, loss.named) for loss in found] == [("prod", 2, 2)]
    loss = store.find_loss(found[0].id)
    assert loss is not None and [event.audit_id for event in read_named(loss.content)] == ["id-1", "id-2"]


def test_whole_log_takes_the_place_of_one_that_broke_off(repository: Repository) -> None:
    store = LossStore(repository.database)
    for lines, new in ((klog(message(3))[:-2], 1), (klog(message(3)), 0), (klog(message(3))[:-2], 0)):
        assert import_losses(store, "prod", "x", [line.encode() for line in lines], NOW).new == new
    (loss,), _ = store.list_losses(0, 2 * NOW)
    assert (loss.events, loss.named) == (3, 3)


def test_command_imports_files_packed_ones_and_standard_input_and_names_what_it_cannot_read(
    engine: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {"DB_PATH": engine.db_path, "DB_HOST": engine.db_host, "DB_PORT": str(engine.db_port),
             "DB_USER": engine.db_user, "DB_PASSWORD": engine.db_password, "DB_NAME": engine.db_name}
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    plain, packed, empty = tmp_path / "a.log", tmp_path / "b.log.gz", tmp_path / "c.log"
    plain.write_text("\n".join(klog(message(2))))
    packed.write_bytes(gzip.compress("\n".join(klog(message(3), "1122 10:00:00.000001")).encode()))
    empty.write_bytes(b"")
    assert main(["import-losses", "--cluster", "prod", "--json", str(plain), str(packed), str(empty)]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["new"], row["events"]) for row in rows] == [(1, 2), (1, 3), (0, 0)]
    assert main(["import-losses", "--cluster", "prod", str(plain), str(tmp_path / "none")]) == 2
    shown = capsys.readouterr()
    assert "REPORTS" in shown.out and str(tmp_path / "none") in shown.err
    repository = open_repository(engine)
    assert sum(loss.events for loss in LossStore(repository.database).list_losses(0, 2 * NOW)[0]) == 5
    repository.close()
    assert main(["import-losses", "--cluster", "Prod_EU", str(plain)]) == 2
