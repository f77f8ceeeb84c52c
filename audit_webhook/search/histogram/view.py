"""The picture as the feed's page shows it: the paths of an SVG, and facets whose values filter or exclude."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from audit_webhook.events.visible_text import shown
from audit_webhook.query import QueryError
from audit_webhook.query.edit import and_term, quote, quoted, term_value, with_term
from audit_webhook.query.tokens import cut
from audit_webhook.search.histogram.aggregate import CHARTED, OTHERS, OUTCOMES, SERIES
from audit_webhook.search.histogram.buckets import Timeline, span_label, tick_label, ticks, write_time
from audit_webhook.search.histogram.histogram import Histogram

HEIGHT: Final = 58
BAR: Final = 10
GAP: Final = 2
LEAST_HEIGHT: Final = {"denied": 3.0, "failed": 3.0, "delete": 2.0, "exec": 2.0}
SHOWN_VALUES: Final = 5
SHOWN_SERIES: Final = 6
MORE_VALUES: Final = 40
LABELS: Final = {
    "user": "Actor", "kind": "Kind", "verb": "Verb", "resource": "Resource", "ns": "Namespace", "outcome": "Outcome",
    "client": "Client", "cluster": "Cluster", "ip": "Address", "sub": "Subresource", "code": "Status code",
}
_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@/-]*", re.ASCII)
_ACCOUNT: Final = "system:serviceaccount:"
_EMPTY: Final = {
    "ns": "in no namespace", "resource": "no resource", "user": "not named", "client": "not named", "ip": "not named",
    "sub": "no subresource",
}
_KINDS: Final = {
    "human": "people", "serviceaccount": "service accounts", "node": "nodes", "controlplane": "control plane",
}
_SERIES_LABELS: Final = {
    "read": "reads", "change": "changes", "denied": "denied", "failed": "failed", "create": "creates",
    "delete": "deletes", "exec": "sessions", "other": "others",
}


@dataclass(frozen=True, slots=True)
class Layer:
    """One series: its name for styles and for people, the path of its bars, and how many events it has."""

    key: str
    label: str
    path: str
    count: str


@dataclass(frozen=True, slots=True)
class Bar:
    """Where one bar stands, what it says, and the range of time that it covers, as the query language writes it."""

    x: int
    title: str
    since: str
    until: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A time below the bars: its place in percent, its text, and the query for the time until the next one."""

    x: str
    time: str
    label: str
    query: str
    title: str


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a field, with the queries that filter by it (or no longer do) and that exclude it."""

    label: str
    title: str
    count: str
    query: str
    excluded: str
    is_on: bool
    is_account: bool = False


@dataclass(frozen=True, slots=True)
class Facet:
    """A field with its most frequent values, further ones, and how many are left out."""

    label: str
    values: tuple[Value, ...]
    more: tuple[Value, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class HistogramView:
    """Everything that the templates of histogram and facets use."""

    query: str
    by: str
    by_label: str
    """What the field is called whose values are the colours; empty for outcomes and verbs."""
    fields: tuple[tuple[str, str], ...]
    total: str
    range: str
    since: str
    until: str
    is_exact: bool
    is_empty: bool
    token: str
    share: int
    is_slow: bool
    width: int
    layers: tuple[Layer, ...]
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    timeless: str
    """The query without its range of time, ready for a new one."""
    wider: str | None
    facets: tuple[Facet, ...]


def view_histogram(picture: Histogram, text: str) -> HistogramView:
    """Lay a picture out."""
    line, series = picture.timeline, _series(picture)
    timeless = and_term(with_term(with_term(text, "since", None), "until", None), "")
    has_range = any(_term(text, field) is not None for field in ("since", "until"))
    return HistogramView(
        query=text,
        by=picture.by,
        by_label="" if picture.by in SERIES else LABELS[picture.by],
        fields=tuple((name, LABELS[name]) for name in CHARTED),
        total=_count(picture.total, picture.is_exact) + (" event" if picture.total == 1 else " events"),
        range=span_label(line.start, line.end),
        since=write_time(line.start),
        until=write_time(line.end),
        is_exact=picture.is_exact,
        is_empty=picture.total == 0 and picture.is_exact,
        token=picture.token,
        share=int(picture.share * 100),
        is_slow=picture.is_slow,
        width=line.bars * BAR,
        layers=tuple(_layers(picture, series)),
        bars=tuple(_bars(picture, series)),
        ticks=tuple(_ticks(line, timeless)),
        timeless=timeless,
        wider=timeless if has_range else None,
        facets=tuple(facet for name in picture.facets if (facet := _facet(picture, text, name)).values),
    )


def _count(number: int, is_exact: bool) -> str:
    return f"{number:,}" if is_exact else f"at least {number:,}"


def _term(text: str, field: str) -> str | None:
    try:
        return term_value(text, field)
    except QueryError:
        return None


def _layers(picture: Histogram, series: Sequence[tuple[str, str, list[int]]]) -> Iterator[Layer]:
    """Stack the series in their order; what is rare and matters is drawn high enough to be seen."""
    columns = [sum(column) for column in zip(*picture.bars.values(), strict=True)]
    scale = (HEIGHT - 6) / max([*columns, 1])
    base = [float(HEIGHT)] * picture.timeline.bars
    for key, label, bars in series:
        pieces = []
        for number, events in enumerate(bars):
            if events:
                height = max(events * scale, LEAST_HEIGHT.get(key, 1.0))
                base[number] = max(0.0, base[number] - height)
                pieces.append(f"M{number * BAR} {base[number]:.1f}h{BAR - GAP}v{height:.1f}h-{BAR - GAP}z")
        if pieces:
            yield Layer(key, label, "".join(pieces), _count(sum(bars), picture.is_exact))


def _series(picture: Histogram) -> list[tuple[str, str, list[int]]]:
    """Return each series with its names for styles and for people; of a field's values the first and the rest."""
    if picture.by in SERIES:
        return [(name, _SERIES_LABELS[name], bars) for name, bars in picture.bars.items()]
    names = [name for name in picture.bars if name != OTHERS]
    shown_ones = [(f"v{number}", label_of(picture.by, name)[0], picture.bars[name])
                  for number, name in enumerate(names[:SHOWN_SERIES])]
    rest = [picture.bars[name] for name in picture.bars if name not in names[:SHOWN_SERIES]]
    others = [("others", "others", [sum(column) for column in zip(*rest, strict=True)])] if rest else []
    return [*shown_ones, *others]


def _bars(picture: Histogram, series: Sequence[tuple[str, str, list[int]]]) -> Iterator[Bar]:
    line = picture.timeline
    for number in range(line.bars):
        start = line.start + number * line.step
        parts = [(bars[number], label) for _, label, bars in series if bars[number]]
        events = _count(sum(count for count, _ in parts), picture.is_exact)
        title = f"{span_label(start, start + line.step)} UTC\n{events} events"
        title += "".join(f"\n{count:,} {label}" for count, label in parts)
        yield Bar(number * BAR, title, write_time(start), write_time(start + line.step))


def _ticks(line: Timeline, timeless: str) -> Iterator[Tick]:
    times = ticks(line)
    for start, end in zip(times, [*times[1:], line.end], strict=True):
        place = (start - line.start) * 100 / (line.end - line.start)
        term = f"since:{write_time(start)} until:{write_time(end)}"
        if place < 96:
            title = f"Show {span_label(start, end)} UTC"
            yield Tick(f"{place:.2f}%", write_time(start), tick_label(start, line), and_term(timeless, term), title)


def _facet(picture: Histogram, text: str, name: str) -> Facet:
    """Give the values of one field; those that the query asks for are always among the first."""
    field = "code" if name == "outcome" else name
    chosen = _chosen(text, field)
    counted = picture.facets[name]
    wanted = [(value, count) for value, count in counted if _written(name, value) in chosen]
    others = [item for item in counted if item not in wanted]
    room = max(0, SHOWN_VALUES - len(wanted))
    ordered = sorted([*others[:room], *wanted], key=lambda item: -item[1])
    rest = others[room:]
    return Facet(
        LABELS[name],
        tuple(_value(picture, text, name, item, chosen) for item in ordered),
        tuple(_value(picture, text, name, item, chosen) for item in rest[:MORE_VALUES]),
        max(0, len(rest) - MORE_VALUES),
    )


def _chosen(text: str, field: str) -> tuple[str, ...]:
    """Return the values that a query asks for of a field: the one of ``field:a``, or those of ``field:(a or b)``."""
    current = _term(text, field)
    if current is None:
        return ()
    if not current.startswith("(") or field == "code":
        return (current,)
    return tuple(token.value for token in cut(current) if token.kind in ("text", "phrase"))


def _written(name: str, value: str) -> str:
    """Give what `term_value` gives when a query asks for this value."""
    return OUTCOMES[value] if name == "outcome" else value


def _value(picture: Histogram, text: str, name: str, item: tuple[str, int], chosen: tuple[str, ...]) -> Value:
    """Return a value with the queries that choose it beside those that are chosen already, or no longer, or never."""
    value, count = item
    field = "code" if name == "outcome" else name
    written = _written(name, value)
    is_on = written in chosen
    kept = [each for each in chosen if each != written] if field != "code" else []
    without = _without(text, field)
    mark = "" if picture.is_exact else "≥ "
    label, is_account = label_of(name, value)
    return Value(
        label=label,
        title=shown(value or label, longest=400),
        count=f"{mark}{count:,}",
        query=_one_of(without, field, kept if is_on else [*kept, written]),
        excluded=and_term(without, f"-{_term_of(field, written)}"),
        is_on=is_on,
        is_account=is_account,
    )


def label_of(name: str, value: str) -> tuple[str, bool]:
    """Return what a value is called, and whether it is a service account, shown as ``namespace/name``."""
    if name == "user" and value.startswith(_ACCOUNT):
        return shown(value.removeprefix(_ACCOUNT).replace(":", "/", 1), longest=120), True
    label = _KINDS.get(value, value) if name == "kind" else value or _EMPTY.get(name, "none")
    return shown(label, longest=120), False


def _one_of(text: str, field: str, values: list[str]) -> str:
    if not values:
        return text
    if len(values) == 1:
        return and_term(text, _term_of(field, values[0]))
    return and_term(text, f"{field}:({' or '.join(map(_grouped, values))})")


def _grouped(value: str) -> str:
    """Write one of several values: within parentheses a colon would begin a field, and a hyphen exclude."""
    return value if _PLAIN.fullmatch(value) and value.lower() not in ("and", "or", "not") else quoted(value)


def _term_of(field: str, value: str) -> str:
    """Write a term; the values of outcomes are written in the language already."""
    return f"{field}:{value if field == 'code' else quote(value)}"


def _without(text: str, field: str) -> str:
    try:
        return with_term(text, field, None)
    except QueryError:
        return text
