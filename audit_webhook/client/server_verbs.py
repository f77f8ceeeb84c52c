"""Verbs about the server itself: clusters, losses, evidence, and the page of something in the browser."""

from __future__ import annotations

import argparse
import webbrowser
from collections.abc import Iterator
from urllib.parse import quote as escape
from urllib.parse import urlencode

from audit_webhook.client.answers import Answer, Session
from audit_webhook.client.errors import ClientError
from audit_webhook.client.event_verbs import within
from audit_webhook.client.targets import find_object, read_target


def add_nothing(parser: argparse.ArgumentParser) -> None:
    """Take no arguments."""


def clusters(chosen: argparse.Namespace, session: Session) -> Iterator[Answer]:
    """Yield who is signed in and which clusters may be seen."""
    found = session.source.get("status")
    limits = [f"your access is limited to the {what} {', '.join(found[f'limited_to_{what}'])}"
              for what in ("clusters", "namespaces") if found[f"limited_to_{what}"] is not None]
    rows = tuple((name, "*" if name == session.cluster else "") for name in found["clusters"])
    yield Answer(
        found, ("CLUSTER", "CHOSEN"), rows, names=tuple(found["clusters"]), is_found=bool(rows),
        notes=(f"signed in as {found['user']} ({found['role']}), server {found['version']}", *limits),
    )


def add_losses(parser: argparse.ArgumentParser) -> None:
    """Take how many days."""
    parser.add_argument("--days", type=int, default=7, metavar="N", help="of the last N days (7)")


def losses(chosen: argparse.Namespace, session: Session) -> Iterator[Answer]:
    """Yield what was lost or may have been, newest first."""
    found = session.source.get("losses", days=chosen.days, cluster=session.cluster)
    rows = tuple(
        tuple(str(each[name]) if each[name] is not None else "-" for name in ("until", "cluster", "kind", "reason"))
        for each in found["losses"]
    )
    notes = () if rows else ("no loss is known; what no sender reported cannot be",)
    yield Answer(found, ("UNTIL", "CLUSTER", "KIND", "REASON"), rows, notes=notes)


def verify(chosen: argparse.Namespace, session: Session) -> Iterator[Answer]:
    """Yield how far what is stored is signed, and what the server's own checks found."""
    found = session.source.get("evidence")
    newest = found["newest"]
    rows = [("warning", each) for each in found["warnings"]]
    rows += [("newest checkpoint", f"{newest['number']}, {newest['time']}: {newest['contents']}")] if newest else []
    notes = ("this is what the server says of itself; `audit-webhook verify` compares everything that is stored",)
    is_sound = not found["warnings"] and newest is not None
    yield Answer(found, ("FACT", "VALUE"), tuple(rows), is_found=is_sound, notes=notes)


def add_open(parser: argparse.ArgumentParser) -> None:
    """Take what to open."""
    parser.add_argument("what", nargs="*", metavar="ID|TYPE/NAME|QUERY", help="an event's id, an object, or a query")
    parser.add_argument("-n", "--namespace", metavar="NAME", help="the namespace of an object")
    parser.add_argument("--print", action="store_true", dest="is_printed", help="only print the address")


def open_page(chosen: argparse.Namespace, session: Session) -> Iterator[Answer]:
    """Open a page in the browser and yield its address."""
    if not session.source.url:
        raise ClientError("without a server there is no page to open: use --server URL")
    address = session.source.url + _path(chosen, session)
    if not chosen.is_printed and not webbrowser.open(address):
        raise ClientError(f"no browser could be started; the address is {address}")
    yield Answer({"url": address}, text=address, names=(address,))


def _path(chosen: argparse.Namespace, session: Session) -> str:
    text = " ".join(chosen.what)
    if len(chosen.what) == 1 and len(text) == 26 and text.isalnum():
        return f"/events/{text}"
    if len(chosen.what) == 1 and "/" in text and ":" not in text:
        found = find_object(session.source, read_target(chosen.what), chosen.namespace, session.cluster)
        return "/objects/" + "/".join(escape(part, safe="") for part in found)
    query = within(session, text)
    return f"/?{urlencode({'q': query})}" if query else "/"
