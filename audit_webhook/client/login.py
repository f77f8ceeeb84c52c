"""Logging in to servers, choosing among them, and forgetting them."""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path
from typing import Final

from audit_webhook.client.connection import Connection
from audit_webhook.client.environment import kube_context
from audit_webhook.client.errors import ClientError
from audit_webhook.client.servers import DEFAULT, Server, check_url, read_settings, write_settings
from audit_webhook.events.visible_text import write_out

TOKEN_PREFIX: Final = "audit_"


def add_login(parser: argparse.ArgumentParser) -> None:
    """Take an address."""
    parser.add_argument("url", metavar="URL", help="the address of the pages, such as https://audit.example.com")
    parser.add_argument("--name", default=DEFAULT, help=f"a name for this server ({DEFAULT})")
    parser.add_argument("--ca-file", default="", metavar="FILE", help="PEM file of the CA of its certificate")
    parser.add_argument("--token-stdin", action="store_true", help="read the API token from the standard input")


def log_in(chosen: argparse.Namespace) -> int:
    """Ask for a token, try it, and remember both; return the exit code."""
    url = check_url(chosen.url)
    ca_file = str(Path(chosen.ca_file).resolve()) if chosen.ca_file else ""
    server = Server(url, _read_token(chosen.token_stdin, url), ca_file)
    status = Connection(server).get("status")
    settings = read_settings()
    path = write_settings(settings._replace(servers={**settings.servers, chosen.name: server}, current=chosen.name))
    clusters = ", ".join(map(write_out, status["clusters"])) or "none yet"
    print(f"signed in to {url} as {write_out(status['user'])}; clusters: {clusters}")
    print(f"the token is kept in {path}, which only you can read")
    return 0


def _read_token(is_from_stdin: bool, url: str) -> str:
    if is_from_stdin or not sys.stdin.isatty():
        token = sys.stdin.readline().strip()
    else:
        print(f"Make a token on {url}/account (sign in there first), and paste it here.", file=sys.stderr)
        token = getpass.getpass("API token: ").strip()
    if not token.startswith(TOKEN_PREFIX):
        raise ClientError(f"that is no API token: it begins with {TOKEN_PREFIX}")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ClientError("that is no API token: it holds characters that none has")
    return token


def add_name(parser: argparse.ArgumentParser) -> None:
    """Take a server's name."""
    parser.add_argument("name", nargs="?", default="", metavar="NAME", help="a server's name, as `servers` lists it")


def list_servers(chosen: argparse.Namespace) -> int:
    """Print the servers; return 1 when there is none."""
    settings = read_settings()
    for name, server in sorted(settings.servers.items()):
        print(f"{'*' if name == settings.current else ' '} {name}  {server.url}")
    return 0 if settings.servers else 1


def use_server(chosen: argparse.Namespace) -> int:
    """Ask this server from now on."""
    settings = read_settings()
    if chosen.name not in settings.servers:
        raise ClientError(f"there is no server {chosen.name!r}; `kubectl audit servers` lists them")
    write_settings(settings._replace(current=chosen.name))
    return 0


def log_out(chosen: argparse.Namespace) -> int:
    """Forget a server and its token; the token itself stays valid until it is revoked on the account page."""
    settings = read_settings()
    name = chosen.name or settings.current
    if name not in settings.servers:
        raise ClientError(f"there is no server {name!r}; `kubectl audit servers` lists them")
    left = {each: server for each, server in settings.servers.items() if each != name}
    write_settings(settings._replace(servers=left, current=next(iter(left), DEFAULT)))
    print(f"forgot {name}; revoke its token on {settings.servers[name].url}/account")
    return 0


def add_cluster(parser: argparse.ArgumentParser) -> None:
    """Take a cluster's name."""
    parser.add_argument("name", metavar="CLUSTER", help="the cluster's name on the server")


def use_cluster(chosen: argparse.Namespace) -> int:
    """Remember which cluster is behind the current context of kubectl."""
    settings, context = read_settings(), kube_context()
    if not context:
        raise ClientError("kubectl has no current context; name the cluster with --cluster each time")
    write_settings(settings._replace(clusters={**settings.clusters, context: chosen.name}))
    print(f"with kubectl's context {write_out(context)}, {write_out(chosen.name)} is asked about")
    return 0
