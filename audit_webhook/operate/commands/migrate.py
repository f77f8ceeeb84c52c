"""``audit-webhook migrate``."""

from __future__ import annotations

import argparse
from typing import Final

from audit_webhook import command_line
from audit_webhook.storage.repository import open_repository

HELP: Final = "create the tables or bring them up to date"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take no arguments."""


def run(chosen: argparse.Namespace) -> int:
    """Apply the schema steps that are missing."""
    repository = open_repository(command_line.load_settings())
    applied = repository.migrate()
    print(f"schema steps applied: {', '.join(map(str, applied))}" if applied else "the schema is up to date")
    repository.close()
    return 0
