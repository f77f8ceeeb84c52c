"""``audit-webhook import-losses``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from itertools import chain
from typing import Final

import orjson

from audit_webhook import command_line
from audit_webhook.context import now
from audit_webhook.events.visible_text import shown, write_out_json
from audit_webhook.ingest.admission import check_cluster
from audit_webhook.ingest.import_losses import LossReport, import_losses
from audit_webhook.ingest.log_files import LogFile, list_files
from audit_webhook.storage.loss_store import LossStore
from audit_webhook.storage.repository import open_repository

HELP: Final = "import lost events from a kube-apiserver's own log (klog text or JSON, wrapped or not)"
FAILED: Final = 2
WIDTH: Final = 40


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the files, the cluster that they are of, and how to report."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="a kube-apiserver's log, .gz too; - is standard input")
    parser.add_argument("--cluster", required=True, help="the name of the cluster that the kube-apiserver belongs to")
    parser.add_argument("--json", action="store_true", help="print one JSON object a file")


def run(chosen: argparse.Namespace) -> int:
    """Import each file and report it; one that cannot be read to its end does not keep the others from it."""
    check_cluster(chosen.cluster)
    repository = open_repository(command_line.load_settings())
    repository.migrate()
    code = 0
    try:
        if not chosen.json:
            print(f"{'FILE':{WIDTH}} {'REPORTS':>9} {'NEW':>9} {'EVENTS':>9} {'NAMED':>9}")
        for path in list_files(chosen.files):
            code = max(code, _import_file(LossStore(repository.database), chosen, path))
    finally:
        repository.close()
    return code


def _import_file(store: LossStore, chosen: argparse.Namespace, path: str) -> int:
    problems: list[str] = []
    try:
        file = LogFile(path)
        try:
            report = import_losses(store, chosen.cluster, path, _lines(file, problems), now())
        finally:
            file.close()
    except OSError as error:
        print(f"audit-webhook: {error}", file=sys.stderr)
        return FAILED
    print(write_out_json(orjson.dumps(report._asdict()).decode()) if chosen.json else _row(report))
    if report.other_plugins:
        print(f"{shown(path)}: {report.other_plugins:,} reports are of another backend than a webhook", file=sys.stderr)
    for problem in problems:
        print(f"{shown(path)}: {shown(problem)}", file=sys.stderr)
    return FAILED if problems else 0


def _lines(file: LogFile, problems: list[str]) -> Iterator[bytes]:
    for line in chain.from_iterable(text.lines for text in file.texts()):
        if line.problem:
            problems.append(f"line {line.number}: {line.problem}")
        else:
            yield line.raw


def _row(report: LossReport) -> str:
    name = shown(report.path)
    return f"{name:{WIDTH}} {report.reports:9,} {report.new:9,} {report.events:9,} {report.named:9,}"
