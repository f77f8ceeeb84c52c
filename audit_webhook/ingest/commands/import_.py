"""``audit-webhook import``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from typing import Final

import orjson

from audit_webhook import command_line
from audit_webhook.command_line import Bar
from audit_webhook.context import now
from audit_webhook.events.event import rfc3339
from audit_webhook.events.redaction.settings import make_redaction
from audit_webhook.events.visible_text import shown, write_out_json
from audit_webhook.ingest.admission import check_cluster
from audit_webhook.ingest.import_log import LogImport, Report, Watcher
from audit_webhook.ingest.text_reading import BadLine, FileReport
from audit_webhook.storage.repository import open_repository

HELP: Final = "import audit events from files: logs of a kube-apiserver, exports of clouds, archives"
MOST_NAMED: Final = 20
MOST_WIDTH: Final = 60
DONE, PASSED_OVER = 0, 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the files, the cluster that they are of, and how to report."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="a file, archive or folder, or - for stdin")
    parser.add_argument("--cluster", required=True, help="the name of the cluster that the events are of")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(chosen: argparse.Namespace) -> int:
    """Import and report; bad lines are named and counted, and are no failure beside events.

    A file that could not be read to its end, or of which nothing was understood, is: exit code 1.
    """
    check_cluster(chosen.cluster)
    config = command_line.load_settings()
    repository = open_repository(config)
    repository.migrate()
    bar, start = Bar(), time.monotonic()
    named: list[BadLine] = []

    def name(bad: BadLine) -> None:
        named.append(bad)
        if len(named) <= MOST_NAMED:
            bar.clear()
            print(f"{shown(bad.path)}:{bad.number}: {shown(bad.reason, longest=200)}", file=sys.stderr)

    def progress(report: Report) -> None:
        share = report.read_bytes / report.all_bytes if report.all_bytes else None
        rate = (report.stored + report.duplicate) / max(time.monotonic() - start, 1e-3)
        bar.draw(share, f"{report.stored:,} stored, {rate:,.0f} events/s")

    try:
        redaction = make_redaction(config.secret_key, config.read_redaction_rules())
        report = LogImport(repository, chosen.cluster, now(), Watcher(progress, name), redaction).run(chosen.files)
    finally:
        bar.clear()
        repository.close()
    if len(named) > MOST_NAMED:
        print(f"and {len(named) - MOST_NAMED:,} more bad lines", file=sys.stderr)
    written = orjson.dumps(_document(report)).decode()
    print(write_out_json(written) if chosen.json else "\n".join(_table(report)))
    return DONE if all(file.is_understood for file in report.by_file) else PASSED_OVER


def _document(report: Report) -> dict[str, object]:
    """Return the report as JSON shows it."""
    files = [
        {**file._asdict(), "events": file.events, "first": file.first._asdict() if file.first else None}
        for file in report.by_file
    ]
    edges = {name: rfc3339(value) if value else None for name, value in (
        ("oldest", report.oldest), ("newest", report.newest))}
    return {**report._asdict(), **edges, "by_file": files}


def _table(report: Report) -> Iterator[str]:
    """Yield a row a file: what was in it, what was stored, and what was passed over."""
    width = min(MOST_WIDTH, max([len("FILE"), *(len(shown(file.path)) for file in report.by_file)]))
    yield f"{'FILE':{width}}    EVENTS    STORED     KNOWN     CUT NOT AUDIT UNREADABLE  FORM"
    for file in report.by_file:
        numbers = f"{file.events:9,} {file.stored:9,} {file.duplicate:9,} {file.cut:7,}"
        forms = ", ".join(sorted(file.forms)) or "no audit event"
        yield f"{shown(file.path):{width}} {numbers} {sum(file.not_audit.values()):9,} {file.unreadable:10,}  {forms}"
        yield from _notes(file)
    yield _sentence(report)


def _notes(file: FileReport) -> Iterator[str]:
    for what, count in sorted(file.not_audit.items()):
        yield f"    {count:,} x {shown(what)}"
    if file.first is not None:
        yield f"    first unreadable: line {file.first.number}: {shown(file.first.reason, longest=200)}"
    if not file.is_whole:
        yield "    the file could not be read to its end"


def _sentence(report: Report) -> str:
    files = "1 file" if report.files == 1 else f"{report.files:,} files"
    span = f", from {rfc3339(report.oldest)} to {rfc3339(report.newest)}" if report.oldest else ""
    return (
        f"{files}: {report.stored:,} events stored, {report.duplicate:,} were known already, "
        f"{report.bad_lines:,} bad lines left out{span}"
    )
