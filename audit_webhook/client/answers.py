"""What a verb found, in one value: a table and a document of the same facts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from audit_webhook.client.connection import Document, Source

CONFIDENCES: Final = {"exact": "$", "likely": "≈", "equivalent": "≈"}


class Session(NamedTuple):
    """Where answers come from, and the cluster that is asked about (empty: all of them)."""

    source: Source
    cluster: str


class Answer(NamedTuple):
    """What was found: the document for programs, and for people either rows under a header or a text.

    ``wide`` is how many of the columns, counted from the end, only the wide form shows. ``is_found`` decides the exit
    code; ``notes`` say what the answer leaves out.
    """

    document: Any
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    wide: int = 0
    names: tuple[str, ...] = ()
    text: str = ""
    is_found: bool = True
    notes: tuple[str, ...] = ()


EVENT_HEADER: Final = ("TIME", "WHO", "CODE", "WHAT", "COMMAND", "CLUSTER", "ADDRESS", "ID")
EVENT_WIDE: Final = 3


def answer_events(events: Iterable[Document], notes: Iterable[str] = (), mark: str = "") -> Answer:
    """Return events as an answer; the one with the id ``mark`` is marked with an arrow."""
    found = list(events)
    rows = tuple(event_row(each, mark) for each in found)
    return Answer(
        found, EVENT_HEADER, rows, EVENT_WIDE, tuple(each["id"] for each in found), is_found=bool(found),
        notes=tuple(filter(None, notes)),
    )


def event_row(event: Document, mark: str = "") -> tuple[str, ...]:
    """Return an event as cells under `EVENT_HEADER`."""
    arrow = "> " if mark and event["id"] == mark else ""
    code = "-" if event["code"] is None else str(event["code"])
    return (
        arrow + write_time(event), event["effective_user"] or event["user"] or "-", code, event["summary"],
        write_command(event["kubectl"]), event["cluster"], event["source_ip"] or "-", event["id"],
    )


def write_time(event: Document) -> str:
    """Return when an event happened, in UTC; a time that was not recorded is marked."""
    text = event["time"][:19].replace("T", " ") + "Z"
    return text if event.get("time_recorded", True) else f"~{text}"


def write_command(command: Document | None) -> str:
    """Return a command after a sign that says how sure it is; a dash where kubectl was not used."""
    if not command or not command.get("command"):
        return "-"
    return f"{CONFIDENCES.get(command['confidence'], '≈')} {command['command']}"
