"""Verbs about an object: its history with differences, and who set each line of its manifest."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Final

from audit_webhook.client.answers import Answer, Session, write_command, write_time
from audit_webhook.client.connection import Document
from audit_webhook.client.targets import Found, find_object, read_target

LONGEST_NAME: Final = 32
LONGEST_COMMAND: Final = 60


def add_object(parser: argparse.ArgumentParser) -> None:
    """Take an object as kubectl does."""
    parser.add_argument("object", nargs="+", metavar="TYPE/NAME", help="as kubectl takes it: deploy/web")
    parser.add_argument("-n", "--namespace", metavar="NAME", help="the namespace, where several have such an object")


def add_history(parser: argparse.ArgumentParser) -> None:
    """Take an object, and whether to show what differs."""
    add_object(parser)
    parser.add_argument("--diff", action="store_true", help="show what each change changed")


def history(chosen: argparse.Namespace, session: Session) -> Iterator[Answer]:
    """Yield an object's changes, newest first."""
    found = find_object(session.source, read_target(chosen.object), chosen.namespace, session.cluster)
    life = _life(session, found)
    older = ("there are older changes; the page of the object shows them",) if life["older"] else ()
    names = tuple(change["event"]["id"] for change in life["changes"])
    if chosen.diff:
        text = "\n\n".join("\n".join(_with_difference(change)) for change in life["changes"])
        yield Answer(life, names=names, text=text, is_found=bool(names), notes=older)
        return
    rows = tuple(_row(change) for change in life["changes"])
    header = ("TIME", "WHO", "CODE", "CHANGE", "COMMAND", "ID")
    yield Answer(life, header, rows, 1, names, is_found=bool(rows), notes=older)


def blame(chosen: argparse.Namespace, session: Session) -> Iterator[Answer]:
    """Yield an object's manifest; beside each line who set it, when and with which command."""
    found = find_object(session.source, read_target(chosen.object), chosen.namespace, session.cluster)
    life = _life(session, found)
    events = {change["event"]["id"]: change["event"] for change in life["changes"]}
    rows = tuple((*_setter(line, events), line["text"]) for line in life["manifest"])
    notes = []
    if life["exists"] is False:
        notes.append("the object was deleted; this is its last known manifest")
    if life["manifest_is_partial"]:
        notes.append("only a part of the object is known: its earlier content was not recorded")
    if life["manifest_left_out"]:
        notes.append(f"{life['manifest_left_out']:,} more lines are left out")
    yield Answer(life["manifest"], ("TIME", "WHO", "COMMAND", "LINE"), rows, is_found=bool(rows), notes=tuple(notes))


def _life(session: Session, found: Found) -> Document:
    return session.source.get("objects", *found)


def _row(change: Document) -> tuple[str, ...]:
    event = change["event"]
    code = "-" if event["code"] is None else str(event["code"])
    what = ", ".join(filter(None, (change["deed"], change["note"])))
    return write_time(event), event["effective_user"] or "-", code, what, write_command(event["kubectl"]), event["id"]


def _with_difference(change: Document) -> Iterator[str]:
    time, who, code, what, command, identifier = _row(change)
    yield f"{time}  {who}  {what}  ({code}, {identifier})"
    if command != "-":
        yield f"  {command}"
    gap = change["unrecorded"]
    if gap:
        yield f"  before it, from {gap['since'] or 'its beginning'} to {gap['until']}, requests that are not recorded:"
        yield from (f"    {line}" for line in gap["diff"] or ("(what they changed is not known)",))
    lines = change["diff"]
    if lines is None:
        yield "  (what changed is not known)"
    else:
        yield from (f"    {line}" for line in lines or ("(no difference)",))
    if change["left_out"]:
        yield f"    ({change['left_out']:,} more lines)"


def _setter(line: Document, events: dict[str, Document]) -> tuple[str, str, str]:
    if line["is_unrecorded"]:
        return "before", "(not recorded)", "-"
    event = events.get(line["event"] or "")
    if event is None:
        return "earlier", "(before the first recorded request)", "-"
    when = f"≤ {write_time(event)}" if line["or_before"] else write_time(event)
    return when, (event["effective_user"] or "-")[:LONGEST_NAME], write_command(event["kubectl"])[:LONGEST_COMMAND]
