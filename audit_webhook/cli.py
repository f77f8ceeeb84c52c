"""The command line: ``audit-webhook serve | demo | migrate``.

Exit codes: 0 done, 2 could not do it.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from typing import Final

from audit_webhook import __version__
from audit_webhook import config as configuration
from audit_webhook.app import create_app
from audit_webhook.config import Config
from audit_webhook.errors import AuditWebhookError
from audit_webhook.repository import open_repository
from audit_webhook.server import serve
from audit_webhook.services import demo
from audit_webhook.wiring import now

logger: Final = logging.getLogger(__name__)

DONE: Final = 0
FAILED: Final = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and give its exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    chosen = _parser().parse_args(arguments)
    try:
        config, warnings = configuration.load()
        for warning in warnings:
            logger.warning(warning)
        chosen.run(config)
        return DONE
    except (AuditWebhookError, OSError) as error:
        print(f"audit-webhook: {error}", file=sys.stderr)
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="audit-webhook",
        description="Receives, keeps and shows the audit events of Kubernetes clusters. Settings come from the "
        "environment and from a file .env; README.md lists them.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, run, meaning in (
        ("serve", _serve, "serve the webhook and the pages"),
        ("demo", _demo, "load some hundreds of sample events, moved to the last hours"),
        ("migrate", _migrate, "create the tables or bring them up to date"),
    ):
        commands.add_parser(name, help=meaning, description=meaning).set_defaults(run=run)
    return parser


def _serve(config: Config) -> None:
    serve(create_app(config), config)


def _demo(config: Config) -> None:
    repository = open_repository(config)
    repository.migrate()
    print(f"{demo.load(repository, now())} sample events were loaded")
    repository.close()


def _migrate(config: Config) -> None:
    repository = open_repository(config)
    applied = repository.migrate()
    print(f"schema steps applied: {', '.join(map(str, applied))}" if applied else "the schema is up to date")
    repository.close()
