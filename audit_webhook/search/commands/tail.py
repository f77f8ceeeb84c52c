"""``audit-webhook tail``."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Final

from audit_webhook import command_line
from audit_webhook.command_line import open_prepared
from audit_webhook.context import now
from audit_webhook.query import QueryError
from audit_webhook.search import feed
from audit_webhook.search.commands.search import lines_of
from audit_webhook.search.lines import explain

HELP: Final = "print the newest events that match a query, oldest first; -f follows"
INTERVAL_SECONDS: Final = 1.0
DONE, MISTAKE = 0, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the query, how many to begin with, and whether to go on."""
    parser.add_argument("query", nargs="*", metavar="QUERY", help="as in the search box: user:alice verb:delete")
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what arrives, until interrupted")
    parser.add_argument("-n", type=int, default=10, metavar="N", dest="count", help="begin with N events (10)")
    parser.add_argument("--json", action="store_true", help="print each event as a line of JSON")


def run(chosen: argparse.Namespace) -> int:
    """Print the newest, then what arrives."""
    text = " ".join(chosen.query).strip()
    repository = open_prepared(command_line.load_settings())
    try:
        page = feed.page(repository, text, None, max(1, chosen.count), now())
        for line in lines_of(repository, page.raws[:chosen.count][::-1], chosen.json):
            print(line, flush=True)
        live = page.live
        while chosen.follow:
            time.sleep(INTERVAL_SECONDS)
            news = feed.news(repository, text, live, now())
            live = news.live
            for line in lines_of(repository, news.raws[::-1], chosen.json):
                print(line, flush=True)
            if news.more:
                print(f"{news.more:,} more came at once and were left out", file=sys.stderr)
    except QueryError as error:
        print(explain(text, error), file=sys.stderr)
        return MISTAKE
    except KeyboardInterrupt:
        return DONE
    finally:
        repository.close()
    return DONE
