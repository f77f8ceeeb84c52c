"""``audit-webhook demo``."""

from __future__ import annotations

import argparse
from typing import Final

from audit_webhook import command_line
from audit_webhook.context import now
from audit_webhook.explore.setup import demo
from audit_webhook.storage.repository import open_repository

HELP: Final = "load a few hundred sample events, moved to the last hours"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take no arguments."""


def run(chosen: argparse.Namespace) -> int:
    """Load the sample into the store of the settings."""
    repository = open_repository(command_line.load_settings())
    repository.migrate()
    print(f"{demo.load(repository, now())} sample events were loaded")
    repository.close()
    return 0
