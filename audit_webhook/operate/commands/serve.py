"""``audit-webhook serve``."""

from __future__ import annotations

import argparse
from typing import Final

from audit_webhook import command_line
from audit_webhook.operate.server import serve

HELP: Final = "serve the webhook and the pages"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take no arguments: everything is a setting."""


def run(chosen: argparse.Namespace) -> int:
    """Serve until told to stop."""
    return serve(command_line.load_settings(is_serving=True))
