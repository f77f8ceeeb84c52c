"""``audit-webhook mcp``: lets an assistant ask the database of this machine, or a server."""

from __future__ import annotations

import argparse
import os
import pwd
from typing import Final

from audit_webhook import command_line
from audit_webhook.client import main as client
from audit_webhook.client.answers import Session
from audit_webhook.client.assistant import command
from audit_webhook.operate.local_source import LocalSource

HELP: Final = command.HELP


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take a server and a cluster."""
    parser.add_argument(
        "--server", default="", metavar="NAME|URL", dest="asked",
        help="ask this server with the token that `kubectl audit login` keeps, not the database of this machine",
    )
    command.add_arguments(parser)


def run(chosen: argparse.Namespace) -> int:
    """Answer until the standard input ends; the account that runs it stands in the record of what was read."""
    if chosen.asked:
        return client.main(["--server", chosen.asked, "mcp", "--cluster", chosen.cluster])
    source = LocalSource(command_line.load_settings(), account=_account())
    return command.serve(Session(source, chosen.cluster))


def _account() -> str:
    """Return the name of this process's account; the environment, which can say anything, is not asked."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid-{os.getuid()}"
