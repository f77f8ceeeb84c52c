"""Starts ``audit-webhook mcp``, or says how to install what it needs."""

from __future__ import annotations

import argparse
import importlib
from typing import Final

from audit_webhook.client.answers import Session
from audit_webhook.client.errors import ClientError

HELP: Final = "answer the questions of an assistant, over standard input and output (Model Context Protocol)"
PROTOCOL: Final = "audit_webhook.client.assistant.protocol"
MISSING: Final = "the SDK of the Model Context Protocol is not installed: pip install 'audit-webhook[mcp]'"
PROGRAM: Final = "assistant"
"""What the client calls itself, so that the record of what was read says that an assistant asked."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take a cluster."""
    parser.add_argument("--cluster", default="", metavar="NAME", help="only this cluster is asked about")


def serve(session: Session) -> int:
    """Answer until the standard input ends, and return the exit code; raises ClientError without the SDK."""
    try:
        protocol = importlib.import_module(PROTOCOL)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("audit_webhook"):
            raise
        raise ClientError(MISSING) from error
    protocol.serve(session)
    return 0
