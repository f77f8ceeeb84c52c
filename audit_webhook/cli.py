"""The command line: ``audit-webhook COMMAND``; each command is a module of ``commands/``.

Exit codes: 0 done, 1 the answer is "no", 2 could not do it.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from functools import partial
from typing import Final

from audit_webhook import __version__, command_line
from audit_webhook.access.commands import user
from audit_webhook.alerts.commands import alerts, rules, sinks
from audit_webhook.client import main as client
from audit_webhook.client.answers import Session
from audit_webhook.client.errors import ClientError, NotFound
from audit_webhook.client.main import add_output, answer
from audit_webhook.client.verbs import VERBS, Verb
from audit_webhook.errors import AuditWebhookError
from audit_webhook.evidence.commands import accept_history, verify
from audit_webhook.explore.setup import demo_command as demo
from audit_webhook.ingest.commands import import_, import_losses, quarantine, senders
from audit_webhook.operate import logs
from audit_webhook.operate.commands import assistant, doctor, migrate, prune, serve
from audit_webhook.operate.local_source import LocalSource
from audit_webhook.search.commands import explain, search, tail

COMMANDS: Final = {
    "serve": serve,
    "search": search,
    "tail": tail,
    "import": import_,
    "import-losses": import_losses,
    "explain": explain,
    "demo": demo,
    "verify": verify,
    "accept-history": accept_history,
    "prune": prune,
    "quarantine": quarantine,
    "senders": senders,
    "migrate": migrate,
    "alerts": alerts,
    "rules": rules,
    "sinks": sinks,
    "user": user,
    "doctor": doctor,
    "mcp": assistant,
}
NOTHING, FAILED = 1, 2
_OPTIONS: Final = {"search": re.compile(r"-h|-?|--.+"), "tail": re.compile(r"-[hf]|-n\d*|-?|--.+")}
"""What is an option of a command that takes a query, of the words that begin with a dash."""
_TAKING_A_VALUE: Final = re.compile(r"-n|--l(?:i(?:m(?:it?)?)?)?")
"""Those of them whose value is the next word; argparse takes the beginning of a name for it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and give its exit code."""
    logs.configure(as_json=False)
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["--server"]:
        return client.main(given)
    chosen = _parser().parse_args(_protect_query(given))
    try:
        code: int = chosen.run(chosen)
        return code
    except BrokenPipeError:
        # Who reads has seen enough; nothing may be written at the end of the program either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return FAILED
    except NotFound as error:
        print(f"audit-webhook: {error}", file=sys.stderr)
        return NOTHING
    except (AuditWebhookError, ClientError, OSError) as error:
        print(f"audit-webhook: {error}", file=sys.stderr)
        return FAILED


def _protect_query(given: Sequence[str]) -> list[str]:
    """Put the options before the words of a query, and a space before each excluded term such as ``-alice``.

    argparse would take the term for an option, and no word of a query behind an option at all. Behind ``--`` there are
    words alone.
    """
    options = _OPTIONS.get(given[0]) if given else None
    if options is None:
        return list(given)
    chosen: list[str] = []
    words: list[str] = []
    rest = iter(given[1:])
    for each in rest:
        if each == "--":
            words += rest
        elif options.fullmatch(each) and each not in ("", "-"):
            chosen += (each, *([next(rest, "")] if _TAKING_A_VALUE.fullmatch(each) else ()))
        else:
            words.append(each)
    return [given[0], *chosen, *(f" {word}" if word.startswith("-") else word for word in words)]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="audit-webhook",
        description="Receives, keeps and shows the audit events of Kubernetes clusters. Settings come from the "
        "environment and from a file .env; README.md lists them.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("--server", default="", metavar="URL", help="ask this server instead of the database")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        own = commands.add_parser(name, help=command.HELP, description=command.HELP)
        command.add_arguments(own)
        own.set_defaults(run=command.run)
    for name, verb in VERBS.items():
        if name not in COMMANDS:
            own = commands.add_parser(name, help=verb.help, description=verb.help)
            verb.add_arguments(own)
            add_output(own)
            own.set_defaults(run=partial(_answer_locally, verb))
    return parser


def _answer_locally(verb: Verb, chosen: argparse.Namespace) -> int:
    """Answer a verb of the client from the database of this machine."""
    return answer(verb, chosen, Session(LocalSource(command_line.load_settings()), chosen.cluster))
