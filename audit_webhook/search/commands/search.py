"""``audit-webhook search``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import Final

from audit_webhook import command_line
from audit_webhook.command_line import Bar, open_prepared
from audit_webhook.context import now
from audit_webhook.events.visible_text import write_out_json
from audit_webhook.query import QueryError
from audit_webhook.search.compile_query import compile_query
from audit_webhook.search.document import documents_of
from audit_webhook.search.export import walk, write_ndjson
from audit_webhook.search.lines import explain, line_of
from audit_webhook.search.search import event_of
from audit_webhook.storage.repository import Raw, Repository

HELP: Final = "print the events that match a query, newest first; exit code 1 when none does"
FOUND, NOTHING, MISTAKE = 0, 1, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the query and how to print."""
    parser.add_argument("query", nargs="*", metavar="QUERY", help="as in the search box: user:alice verb:delete")
    parser.add_argument("--limit", type=int, default=100, metavar="N", help="at most N events (100); 0 for all")
    parser.add_argument("--json", action="store_true", help="print each event as a line of JSON")


def run(chosen: argparse.Namespace) -> int:
    """Print what matches while it is found."""
    text = " ".join(chosen.query).strip()
    repository = open_prepared(command_line.load_settings())
    bar, count = Bar(), 0
    try:
        for line in _matches(repository, text, bar, chosen.json):
            print(line, flush=True)
            count += 1
            if count == chosen.limit:
                break
    except QueryError as error:
        print(explain(text, error), file=sys.stderr)
        return MISTAKE
    finally:
        bar.clear()
        repository.close()
    return FOUND if count else NOTHING


def _matches(repository: Repository, text: str, bar: Bar, as_json: bool) -> Iterator[str]:
    count = 0
    for found in walk(repository, compile_query(text, now(), repository.database.dialect)):
        bar.clear()
        yield from lines_of(repository, found.raws, as_json)
        count += len(found.raws)
        bar.draw(None, f"{count:,} found, searching on")


def lines_of(repository: Repository, raws: Sequence[Raw], as_json: bool) -> Iterator[str]:
    """Yield a line for each event: for people, or of JSON with the command that it is part of."""
    if not as_json:
        yield from (line_of(event_of(raw)) for raw in raws)
        return
    for document in documents_of(repository, raws, now()):
        yield write_out_json(write_ndjson([document]).decode().rstrip("\n"))
