"""``audit-webhook verify``."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson

from audit_webhook import command_line
from audit_webhook.command_line import Bar, open_prepared
from audit_webhook.context import now
from audit_webhook.errors import KeyUnusable
from audit_webhook.events.event import rfc3339
from audit_webhook.events.ids import microseconds
from audit_webhook.evidence.checkpoints import Signed, find_tokens
from audit_webhook.evidence.memory import Memory, default_path
from audit_webhook.evidence.proof import Unproved, check_proof
from audit_webhook.evidence.signer import open_memory
from audit_webhook.evidence.verify.report import document_of, lines_of
from audit_webhook.evidence.verify.verify import Report, verify
from audit_webhook.evidence.verify.workers import Examiners, processes_for
from audit_webhook.storage.keys import Keys, read_keys
from audit_webhook.storage.repository import Repository

HELP: Final = "verify that nothing stored was changed"
TAMPERED: Final = 1
UNKNOWN: Final = 2
_AGO: Final = re.compile(r"([1-9][0-9]{0,4})([dh])", re.ASCII)
_MILLISECONDS: Final = {"h": 3_600_000, "d": 86_400_000}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what to compare with, and where to begin."""
    parser.add_argument("--anchors", metavar="FILE", help="a file or log with checkpoints that were kept elsewhere")
    parser.add_argument(
        "--since", type=_since, default=0, metavar="TIME",
        help="compare only the content of events from the midnight (UTC) before, such as 7d, 12h or 2026-11-01",
    )
    parser.add_argument("--key", metavar="FILE", help="PEM file of trusted keys (default: EVIDENCE_KEY_FILE)")
    parser.add_argument("--proof", metavar="FILE", help="check the proof of an event instead, without the database")
    parser.add_argument("--json", action="store_true", help="write the report as JSON")


def _since(text: str) -> int:
    """Read a time as milliseconds."""
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return now() // 1000 - int(ago[1]) * _MILLISECONDS[ago[2]]
    moment = microseconds(text)
    if moment is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time, such as 7d, 12h or 2026-11-01")
    return moment // 1000


def run(chosen: argparse.Namespace) -> int:
    """Verify and report: 0 when all is as it was, 1 when something is not, 2 when that cannot be told."""
    config = command_line.load_settings()
    if not chosen.key and not config.evidence_key_file:
        raise KeyUnusable("EVIDENCE_KEY_FILE is none: name the keys to trust with --key FILE")
    keys = read_keys(Path(chosen.key or config.evidence_key_file))
    if chosen.proof:
        return _check_proof(chosen.proof, keys, chosen.json)
    own = not chosen.key or chosen.key == config.evidence_key_file
    memory = open_memory(config, may_write=False) if own else Memory(default_path(chosen.key), may_write=False)
    repository = open_prepared(config)
    try:
        report = _verify(repository, keys, chosen, memory.read())
    finally:
        repository.close()
    if chosen.json:
        print(orjson.dumps(document_of(report), option=orjson.OPT_INDENT_2).decode())
    else:
        print("\n".join(lines_of(report)))
    return TAMPERED if not report.is_sound else 0 if report.is_signed else UNKNOWN


def _verify(repository: Repository, keys: Keys, chosen: argparse.Namespace, remembered: Signed | None) -> Report:
    bar = Bar()
    total = sum(kept.events for kept in repository.tallies.tallied_clusters().values())

    def progress(step: str, events: int) -> None:
        share = min(events / total, 1.0) if total and step == "events" else None
        bar.draw(share, f"{step} of {events:,} events compared")

    try:
        with Examiners(processes_for(total)) as examiners:
            return verify(repository, keys, _anchors(chosen.anchors), chosen.since, progress, remembered, examiners)
    finally:
        bar.clear()


def _anchors(path: str | None) -> Iterator[Signed]:
    """Give the checkpoints in a file, whatever else is on its lines."""
    if not path:
        return
    if path == "-":
        for line in sys.stdin:
            yield from find_tokens(line)
        return
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            yield from find_tokens(line)


def _check_proof(path: str, keys: Keys, as_json: bool) -> int:
    try:
        document: Any = orjson.loads(sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes())
        made = check_proof(document, keys)
    except (Unproved, orjson.JSONDecodeError) as error:
        print(orjson.dumps({"proved": False, "reason": str(error)}).decode() if as_json else f"not proved: {error}")
        return TAMPERED
    moment = rfc3339(made)
    if as_json:
        print(orjson.dumps({"proved": True, "checkpoint": moment}).decode())
    else:
        print(f"proved: these bytes were stored before {moment}, when a checkpoint over them was signed")
    return 0
