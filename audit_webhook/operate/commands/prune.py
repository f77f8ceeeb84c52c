"""``audit-webhook prune``."""

from __future__ import annotations

import argparse
import re
from typing import Final

from audit_webhook import command_line
from audit_webhook.command_line import Bar, open_prepared
from audit_webhook.context import now
from audit_webhook.events.event import rfc3339
from audit_webhook.evidence.signer import open_signer
from audit_webhook.operate import retention
from audit_webhook.storage.retention import Expired

HELP: Final = "delete events older than a number of days"
_DAYS: Final = re.compile(r"([1-9][0-9]{0,4})d?", re.ASCII)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take how many days are kept."""
    parser.add_argument(
        "--older-than", required=True, type=_days, metavar="DAYS", help="such as 90d; whole days in UTC"
    )
    parser.add_argument("--dry-run", action="store_true", help="only tell what would be deleted")
    parser.add_argument("--force", action="store_true", help="delete even if the clock or the amount looks wrong")


def _days(text: str) -> int:
    found = _DAYS.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of days, such as 90d")
    return int(found[1])


def run(chosen: argparse.Namespace) -> int:
    """Delete, or tell what would be deleted."""
    config = command_line.load_settings()
    repository = open_prepared(config)
    moment, bar = now(), Bar()
    try:
        found = retention.preview(repository, chosen.older_than, moment)

        def progress(left: Expired) -> None:
            bar.draw(1 - left.events / max(found.events, 1), f"{left.events:,} events left")

        doubts = retention.doubts(repository.database, chosen.older_than, moment)
        if doubts and not chosen.dry_run and not chosen.force:
            print(f"nothing was deleted: {doubts}. If that is right, {retention.advice(chosen.older_than)}")
            return 2
        if not chosen.dry_run:
            signer = open_signer(config, repository, now, may_make_key=False)
            retention.prune(repository, chosen.older_than, moment, progress, signer)
    finally:
        bar.clear()
        repository.close()
    print(_sentence(found, retention.first_kept(chosen.older_than, moment), chosen.dry_run))
    return 0


def _sentence(found: Expired, first_kept: int, is_dry_run: bool) -> str:
    if found.oldest is None:
        return f"nothing is older than {rfc3339(first_kept * 1000)}"
    done = "would be deleted" if is_dry_run else "deleted"
    return (
        f"{found.events:,} events in {found.chunks:,} chunks, {found.raw_bytes:,} bytes before compression, "
        f"from {rfc3339(found.oldest * 1000)} to {rfc3339(first_kept * 1000)}: {done}"
    )
