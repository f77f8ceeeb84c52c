"""One event as its page shows it: facts with links that filter, bodies as trees, annotations, stages, raw JSON."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final, NamedTuple

from audit_webhook.events.event import Event
from audit_webhook.events.visible_text import shown
from audit_webhook.humanize import sentence
from audit_webhook.humanize.moments import Moment, moment_of, moment_of_event, write_duration
from audit_webhook.kubectl import Card
from audit_webhook.search.card_rows import sent_of
from audit_webhook.search.event.around import Around, searches_around
from audit_webhook.search.event.command_view import CommandView, view_command
from audit_webhook.search.event.facts import Fact, facts_of
from audit_webhook.search.event.json_tree import INDENTED_BYTES, Node, indent, nodes_of
from audit_webhook.search.event.story import Story
from audit_webhook.search.event_rows import Row, Sent, phrases_of, row_of

LATENCY: Final = "apiserver.latency.k8s.io/"
_UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "µs": 1e-6, "us": 1e-6, "ns": 1e-9}
_SPAN: Final = re.compile(r"(?<![\d.])(\d++(?:\.\d++)?)(ms|µs|us|ns|h|m|s)", re.ASCII)
_DURATION: Final = re.compile(f"(?:{_SPAN.pattern})+", re.ASCII)
MOST_ANNOTATIONS: Final = 200
MOST_LATENCIES: Final = 40
LONGEST_ANNOTATION: Final = 4_000


@dataclass(frozen=True, slots=True)
class Body:
    """A request's or response's body as a tree."""

    id: str
    title: str
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of the same request: which, when, how long after the request came in, and how it ended."""

    id: str
    name: str
    time: Moment
    after: str
    outcome: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Latency:
    """A part of the time that the apiserver took, with its share of the whole in percent."""

    name: str
    text: str
    percent: int


@dataclass(frozen=True, slots=True)
class EventView:
    """Everything that the event's templates use."""

    row: Row
    command: CommandView
    behind: Sent | None
    time: Moment
    took: str
    facts: tuple[tuple[Fact, ...], ...]
    notes: tuple[str, ...]
    stages: tuple[Stage, ...]
    bodies: tuple[Body, ...]
    bodies_note: str
    annotations: tuple[tuple[str, str], ...]
    latency: tuple[Latency, ...]
    raw: str
    raw_bytes: int
    is_raw_cut: bool
    around: tuple[Around, ...]


class Context(NamedTuple):
    """What other events tell of one: the card that it is on, the write that it answers to, and trusted proxies."""

    card: Card
    behind: Event | None = None
    proxies: str = ""


def view_event(story: Story, context: Context, now: int) -> EventView:
    """Show an event with all that is known of it."""
    event, document = story.event, story.document
    annotations = _texts(document.get("annotations"))
    raw = story.raw[:INDENTED_BYTES].decode("utf-8", "replace")
    bodies = tuple(_bodies(document, story.unreadable))
    return EventView(
        row=_row(event, context.card, now),
        command=view_command(context.card, event, now),
        behind=sent_of(context.behind, now) if context.behind else None,
        time=moment_of_event(event, now),
        took=write_duration(event.duration) if event.duration is not None else "",
        facts=tuple(facts_of(event, document, now, context.proxies)),
        notes=tuple(_notes(event)),
        stages=tuple(_stage(each, event, now) for each in story.stages),
        bodies=bodies,
        bodies_note="" if bodies else _why_no_bodies(event),
        annotations=tuple(
            (shown(key), shown(value, kept="\n", longest=LONGEST_ANNOTATION))
            for key, value in list(annotations.items())[:MOST_ANNOTATIONS] if not key.startswith(LATENCY)
        ),
        latency=tuple(_latency(annotations)),
        raw=shown(indent(raw), kept="\n\t", longest=4 * INDENTED_BYTES),
        raw_bytes=len(story.raw),
        is_raw_cut=len(story.raw) > INDENTED_BYTES,
        around=searches_around(event),
    )


def _row(event: Event, card: Card, now: int) -> Row:
    """Give the event's row; bodies may tell more of the one that tells most of its command."""
    if card.main.id != event.id:
        return row_of(event, now)
    return replace(row_of(event, now), phrases=phrases_of(sentence(event, card.phrase)))


def _bodies(document: Mapping[str, object], unreadable: Collection[str]) -> Iterable[Body]:
    for key, title in (("requestObject", "Request body"), ("responseObject", "Response body")):
        if document.get(key) is not None:
            yield Body(key, title, tuple(nodes_of(document[key])))
        elif key not in document and key in unreadable:
            yield Body(key, title, (Node("leaf", text="This body is no valid JSON. The raw event has it.", tone="z"),))


def _why_no_bodies(event: Event) -> str:
    if event.truncated:
        return "The bodies were larger than the apiserver's limit and were left out by it."
    if event.level == "Metadata":
        return "Recorded at level Metadata: the audit policy keeps no bodies of such requests."
    return "This request has no bodies."


def _notes(event: Event) -> Iterable[str]:
    if event.dry_run:
        yield "Dry run: nothing was changed."
    if event.truncated:
        yield "The apiserver cut this event: its bodies are missing."
    if event.cut:
        yield "Some values are too long to be searched in full; the raw JSON is whole."


def _stage(stage: Event, shown_event: Event, now: int) -> Stage:
    after = f"+{write_duration(stage.duration)}" if stage.duration is not None else ""
    code = str(stage.code) if stage.code is not None else ""
    return Stage(stage.id, shown(stage.stage), moment_of(stage.time, now), after, code, stage.id == shown_event.id)


def _latency(annotations: Mapping[str, str]) -> Iterable[Latency]:
    known = ((key.removeprefix(LATENCY), value) for key, value in annotations.items() if key.startswith(LATENCY))
    spans = dict(islice(known, MOST_LATENCIES))
    total = _seconds(spans.get("total", "")) or max([_seconds(value) for value in spans.values()], default=0.0)
    for name, value in sorted(spans.items(), key=lambda span: (span[0] != "total", -_seconds(span[1]))):
        percent = min(100, round(100 * _seconds(value) / total)) if total else 0
        yield Latency(shown(name, longest=100), shown(value, longest=40), percent)


def _seconds(duration: str) -> float:
    """Read a duration as Go writes it, such as ``1.234567s`` or ``1m2.5s``; what is none counts as nothing."""
    if not _DURATION.fullmatch(duration[:40]):
        return 0.0
    return sum(float(number) * _UNITS[unit] for number, unit in _SPAN.findall(duration[:40]))


def _texts(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {str(key): each if isinstance(each, str) else "(not a text)" for key, each in value.items()}
