"""``audit-webhook accept-history``."""

from __future__ import annotations

import argparse
from typing import Final

from audit_webhook import command_line
from audit_webhook.command_line import open_prepared
from audit_webhook.context import now
from audit_webhook.evidence.signer import open_signer

HELP: Final = "continue signing after the database was replaced, for example by a restored backup"
NOT_NEEDED: Final = 1
MOST_CHARACTERS: Final = 500


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take why this history is accepted."""
    parser.add_argument(
        "--reason", required=True, type=_reason, metavar="TEXT",
        help="why, for whoever verifies later; it is signed with the next checkpoint",
    )


def _reason(text: str) -> str:
    if not text.strip() or len(text) > MOST_CHARACTERS:
        raise argparse.ArgumentTypeError(f"a reason of 1 to {MOST_CHARACTERS} characters is needed")
    return text


def run(chosen: argparse.Namespace) -> int:
    """Accept what the database holds: 0 when that was needed and done, 1 when there was nothing to accept."""
    config = command_line.load_settings()
    repository = open_prepared(config)
    try:
        resumed = open_signer(config, repository, now, may_make_key=False).accept(chosen.reason)
    finally:
        repository.close()
    if resumed is None:
        print("nothing to accept: this database continues what was signed")
        return NOT_NEEDED
    print(
        f"accepted: checkpoint {resumed.number} was the newest that was signed, and this database ends with checkpoint "
        f"{resumed.ended}. What was stored in between and is not here is given up: verify will not miss it any more. "
        "The next checkpoint records this with your reason, and verify tells it from now on."
    )
    return 0
