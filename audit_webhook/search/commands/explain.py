"""``audit-webhook explain``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import orjson

from audit_webhook.errors import MalformedBatch
from audit_webhook.events.visible_text import write_out_json
from audit_webhook.search.explain import Explained, document_of, explain

HELP: Final = "show which commands were typed, from files of audit events"
STDIN: Final = "-"
FAILED: Final = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the files and how to print."""
    parser.add_argument("--json", action="store_true", help="print one JSON object a line for each command")
    parser.add_argument("files", nargs="+", metavar="FILE", help="EventList, NDJSON or log file, .gz too; - is stdin")


def run(chosen: argparse.Namespace) -> int:
    """Explain each file by itself; needs no settings. A file that cannot be read does not keep the others from it.

    An empty file is no failure, unless there is nothing else.
    """
    code, found = 0, False
    for name in chosen.files:
        try:
            explained = _explain(name)
        except (MalformedBatch, OSError) as error:
            print(f"audit-webhook: {error if isinstance(error, OSError) else f'{name}: {error}'}", file=sys.stderr)
            code = FAILED
            continue
        found = found or bool(explained.cards or explained.unreadable)
        for card in explained.cards:
            document = document_of(name, card)
            print(write_out_json(orjson.dumps(document).decode()) if chosen.json else "\n".join(_lines(document)))
        if explained.unreadable:
            print(f"audit-webhook: {name}: {_pieces(explained.unreadable)}", file=sys.stderr)
    return code if found else FAILED


def _explain(name: str) -> Explained:
    body = sys.stdin.buffer.read() if name == STDIN else Path(name).read_bytes()
    if not body.strip():
        print(f"audit-webhook: {name}: the file is empty", file=sys.stderr)
        return Explained([], 0)
    return explain(body)


def _pieces(count: int) -> str:
    return "1 item is not an audit event" if count == 1 else f"{count} items are not audit events"


def _lines(document: dict[str, object]) -> Iterator[str]:
    yield f"{document['confidence'] or '-':10}  {document['command'] or '(no kubectl form)'}"
    yield f"{'':10}  {document['summary']}"
