"""What ``audit-webhook rules replay`` does: it tries rules on what is stored."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import date, timedelta
from typing import Final

import orjson

from audit_webhook import command_line
from audit_webhook.alerts.inbox import MICROSECONDS_A_DAY
from audit_webhook.alerts.replay import Found, Progress, replay
from audit_webhook.alerts.rule import Rule
from audit_webhook.alerts.stores import open_stores
from audit_webhook.command_line import Bar, open_prepared
from audit_webhook.context import now
from audit_webhook.events.event import rfc3339
from audit_webhook.events.visible_text import shown, write_out_json
from audit_webhook.humanize.sentences import summary
from audit_webhook.query import QueryError
from audit_webhook.search.compile_query import compile_query

MISTAKE: Final = 2
STOPPED: Final = 130
_EPOCH: Final = date(1970, 1, 1)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the range of time."""
    parser.add_argument("--since", default="30d", metavar="TIME", help="for replay: from when, as in since: (30d)")
    parser.add_argument("--until", default="", metavar="TIME", help="for replay: until when, as in until:; else now")


def run(rules: list[Rule], chosen: argparse.Namespace) -> int:
    """Print what the rules would have found; return 130 when it was stopped."""
    moment = now()
    try:
        since, until = _range(chosen, moment)
    except QueryError as error:
        print(f"audit-webhook: {error}", file=sys.stderr)
        return MISTAKE
    repository = open_prepared(command_line.load_settings())
    bar, began, seen = Bar(), time.monotonic(), Progress(0, 0)

    def draw(progress: Progress) -> None:
        nonlocal seen
        seen = progress
        seconds = time.monotonic() - began
        left = f", {seconds / progress.share - seconds:,.0f} s left" if progress.share else ""
        bar.draw(progress.share, f"{progress.chunks:,} batches{left}; Ctrl-C stops")

    try:
        learning = chosen.learning * MICROSECONDS_A_DAY
        found = replay(repository, open_stores(repository.database), rules, since, until, learning, draw)
    except KeyboardInterrupt:
        bar.clear()
        print(f"stopped after {seen.share:.0%} of the range; nothing was written", file=sys.stderr)
        return STOPPED
    finally:
        bar.clear()
        repository.close()
    _print(found, since, until, seen.chunks, chosen.json)
    return 0


def _range(chosen: argparse.Namespace, moment: int) -> tuple[int, int]:
    """Return the range in microseconds; raises QueryError."""
    text = f"since:{chosen.since}" + (f" until:{chosen.until}" if chosen.until else "")
    search = compile_query(text, moment, "sqlite")
    until = int.from_bytes(search.highest[:6], "big") * 1000 if chosen.until else moment + 1
    return int.from_bytes(search.lowest[:6], "big") * 1000, until


def _print(found: list[Found], since: int, until: int, chunks: int, as_json: bool) -> None:
    if as_json:
        for each in found:
            print(write_out_json(orjson.dumps(document_of(each)).decode()))
        return
    days = max(1.0, (until - since) / MICROSECONDS_A_DAY)
    for each in filter(lambda one: one.alerts, found):
        count = f"{each.alerts:,}{'+' if each.is_least else ''}"
        print(f"{count:>8} alerts {each.hits:>9,} hits {each.alerts / days:>8.1f} a day  {each.rule.id}")
        who = ", ".join(f"{shown(actor, longest=64) or 'nobody'} {hits:,}" for actor, hits in each.actors)
        print(f"{'':10}by {who}")
        for hit in each.examples:
            print(f"{'':10}{rfc3339(hit.event.time)} {summary(hit.event)} ({hit.event.id})")
    silent = sum(not each.alerts for each in found)
    print(f"{len(found)} rules on {chunks:,} batches from {rfc3339(since)} to {rfc3339(until)}: "
          f"{sum(each.alerts for each in found):,} alerts, {silent} rules found nothing")


def document_of(found: Found) -> dict[str, object]:
    """Return what a rule would have found, as JSON; days are dates in UTC."""
    return {
        "rule": found.rule.id, "severity": found.rule.severity, "alerts": found.alerts, "at_least": found.is_least,
        "hits": found.hits, "actors": [{"actor": actor, "hits": hits} for actor, hits in found.actors],
        "days": {str(_EPOCH + timedelta(days=day)): alerts for day, alerts in found.days},
        "examples": [
            {"id": hit.event.id, "time": rfc3339(hit.event.time), "summary": summary(hit.event)}
            for hit in found.examples
        ],
    }
