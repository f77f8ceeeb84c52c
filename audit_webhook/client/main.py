"""The command line of ``kubectl-audit``, which kubectl runs as ``kubectl audit``.

Exit codes: 0 done, 1 the answer is "no" or empty, 2 the question could not be answered.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Final

from audit_webhook import __version__
from audit_webhook.client import login
from audit_webhook.client.answers import Session
from audit_webhook.client.assistant import command as assistant
from audit_webhook.client.completion import add_shell, write_completion
from audit_webhook.client.connection import Connection
from audit_webhook.client.environment import kube_context
from audit_webhook.client.errors import ClientError, NotFound
from audit_webhook.client.output import FORMATS, Output
from audit_webhook.client.servers import Server, Settings, check_url, read_settings, write_settings
from audit_webhook.client.verbs import VERBS, Verb

DONE, NOTHING, FAILED = 0, 1, 2
_OWN: Final = {
    "login": ("keep a server's address and an API token", login.add_login, login.log_in),
    "logout": ("forget a server", login.add_name, login.log_out),
    "servers": ("list the servers", lambda parser: None, login.list_servers),
    "use": ("ask another server from now on", login.add_name, login.use_server),
    "use-cluster": ("remember the cluster behind kubectl's current context", login.add_cluster, login.use_cluster),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb and return its exit code."""
    chosen = _parser().parse_args(protect_query(sys.argv[1:] if arguments is None else arguments))
    try:
        if chosen.verb == "completion":
            print(write_completion(chosen.shell, [*VERBS, *_OWN, "mcp"]), end="")
            return DONE
        if chosen.verb in _OWN:
            return int(_OWN[chosen.verb][2](chosen))
        if chosen.verb == "mcp":
            return _assist(chosen)
        return answer(VERBS[chosen.verb], chosen, _open_session(chosen))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except KeyboardInterrupt:
        return DONE if chosen.verb == "tail" else FAILED
    except NotFound as error:
        print(f"kubectl audit: {error}", file=sys.stderr)
        return NOTHING
    except (ClientError, OSError) as error:
        print(f"kubectl audit: {error}", file=sys.stderr)
        return FAILED


def answer(verb: Verb, chosen: argparse.Namespace, session: Session) -> int:
    """Print what a verb finds and return the exit code."""
    output, is_found = Output(chosen.output), False
    for each in verb.run(chosen, session):
        output.write(each, verb.is_stream)
        is_found |= each.is_found
    return DONE if is_found else NOTHING


def add_output(parser: argparse.ArgumentParser) -> None:
    """Take the form of the output and the cluster."""
    parser.add_argument("-o", "--output", choices=FORMATS, default="table", help="form of the output (table)")
    parser.add_argument("--cluster", default="", metavar="NAME", help="the cluster that is asked about")


def protect_query(given: Sequence[str]) -> list[str]:
    """Return the arguments with a space before each excluded term, such as ``-user:alice``, which is no option."""
    return [f" {each}" if each[:1] == "-" and each[:2] != "--" and ":" in each else each for each in given]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kubectl audit", description="Ask an audit webhook server who did what in a cluster.",
        epilog="First: kubectl audit login https://audit.example.com",
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("--server", default="", metavar="NAME|URL", help="a server by its name, or its address")
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB", dest="verb")
    for name, verb in VERBS.items():
        own = verbs.add_parser(name, help=verb.help, description=verb.help)
        verb.add_arguments(own)
        add_output(own)
    for name, (text, add_arguments, _) in _OWN.items():
        add_arguments(verbs.add_parser(name, help=text, description=text))
    assistant.add_arguments(verbs.add_parser("mcp", help=assistant.HELP, description=assistant.HELP))
    add_shell(verbs.add_parser("completion", help="write what makes a shell complete the verbs"))
    return parser


def _open_session(chosen: argparse.Namespace) -> Session:
    settings = read_settings()
    source = Connection(_choose(settings, chosen.server))
    return Session(source, chosen.cluster or _cluster_of_context(settings, source))


def _assist(chosen: argparse.Namespace) -> int:
    """Serve an assistant; kubectl's context does not count, because it may change while the assistant runs."""
    source = Connection(_choose(read_settings(), chosen.server), program=assistant.PROGRAM)
    return assistant.serve(Session(source, chosen.cluster))


def _choose(settings: Settings, named: str) -> Server:
    if "://" in named:
        url = check_url(named)
        return next((server for server in settings.servers.values() if server.url == url), Server(url, ""))
    name = named or settings.current
    if name not in settings.servers:
        raise ClientError(
            f"there is no server {name!r}: run `kubectl audit login URL --name {name}`" if named
            else "not logged in to a server yet: run `kubectl audit login URL`"
        )
    return settings.servers[name]


def _cluster_of_context(settings: Settings, source: Connection) -> str:
    """Return the cluster behind kubectl's context: the remembered one, or the one of the same name, which is kept."""
    context = kube_context()
    if not context:
        return ""
    if context in settings.clusters:
        return settings.clusters[context]
    known: Iterable[str] = source.get("status")["clusters"]
    found = context if context in known else ""
    if found:
        write_settings(settings._replace(clusters={**settings.clusters, context: found}))
    else:
        print("note: all clusters are asked about; `kubectl audit use-cluster NAME` names the one behind kubectl's "
              "context", file=sys.stderr)
    return found


if __name__ == "__main__":
    sys.exit(main())
