"""``audit-webhook explain``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import orjson

from audit_webhook.errors import MalformedBatch
from audit_webhook.services.explain import Explained, document_of, explain

HELP: Final = "tell which commands were typed, from files of audit events"
STDIN: Final = "-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the files and how to print."""
    parser.add_argument("--json", action="store_true", help="print one JSON object a line for each command")
    parser.add_argument("files", nargs="+", metavar="FILE", help="EventList, NDJSON or log file, .gz too; - is stdin")


def run(chosen: argparse.Namespace) -> int:
    """Explain each file by itself; needs no settings."""
    for name in chosen.files:
        explained = _explain(name)
        for card in explained.cards:
            document = document_of(name, card)
            print(orjson.dumps(document).decode() if chosen.json else "\n".join(_lines(document)))
        if explained.unreadable:
            print(f"audit-webhook: {name}: {_pieces(explained.unreadable)}", file=sys.stderr)
    return 0


def _explain(name: str) -> Explained:
    body = sys.stdin.buffer.read() if name == STDIN else Path(name).read_bytes()
    try:
        return explain(body)
    except MalformedBatch as error:
        raise MalformedBatch(f"{name}: {error}") from error


def _pieces(count: int) -> str:
    return "1 piece is no event" if count == 1 else f"{count} pieces are no events"


def _lines(document: dict[str, object]) -> Iterator[str]:
    yield f"{document['confidence'] or '-':10}  {document['command'] or '(no kubectl form)'}"
    yield f"{'':10}  {document['summary']}"
