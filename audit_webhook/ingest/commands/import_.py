"""``audit-webhook import``."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Final

import orjson

from audit_webhook import command_line
from audit_webhook.command_line import Bar
from audit_webhook.context import now
from audit_webhook.events.redaction.settings import make_redaction
from audit_webhook.events.visible_text import shown
from audit_webhook.ingest.admission import check_cluster
from audit_webhook.ingest.import_log import BadLine, LogImport, Report, Watcher
from audit_webhook.storage.repository import open_repository

HELP: Final = "import events from log files of a kube-apiserver (--audit-log-path), plain or gzipped"
MOST_NAMED: Final = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the files, the cluster that they are of, and how to report."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="a file, a folder of rotated files, or - for stdin")
    parser.add_argument("--cluster", required=True, help="the name of the cluster that the events are of")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(chosen: argparse.Namespace) -> int:
    """Import and report; bad lines are named and counted, and are no failure."""
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
            print(f"{bad.path}:{bad.number}: {shown(bad.reason, longest=200)}", file=sys.stderr)

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
    print(orjson.dumps(report._asdict()).decode() if chosen.json else _sentence(report))
    return 0


def _sentence(report: Report) -> str:
    files = "1 file" if report.files == 1 else f"{report.files:,} files"
    return (
        f"{files}: {report.stored:,} events stored, {report.duplicate:,} were known already, "
        f"{report.bad_lines:,} bad lines left out"
    )
