"""Draws losses over time: one row of bars for the events given up, one for the requests refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple

from audit_webhook.storage.loss_store import GAPS, GIVEN_UP, PlotSum

HEIGHT: Final = 40
BAR: Final = 10


class Column(NamedTuple):
    """One step of time: where its bar stands, how high it is, and what it says."""

    x: int
    y: int
    height: int
    title: str


@dataclass(frozen=True, slots=True)
class Plot:
    """A row of bars with its own scale."""

    label: str
    unit: str
    total: int
    most: int
    width: int
    columns: tuple[Column, ...]
    first: str
    last: str


def plot_losses(sums: Sequence[PlotSum], since: int, now: int, step: int) -> tuple[Plot, ...]:
    """Return the plots of sums that were made with this step of time; times in microseconds."""
    first, last = since // step, now // step
    of: tuple[tuple[str, str, Callable[[PlotSum], int]], ...] = (
        ("Events given up by kube-apiservers", "events", lambda each: each.events if each.kind == GIVEN_UP else 0),
        ("Refused requests", "requests", lambda each: each.requests),
        ("Gaps of senders", "gaps", lambda each: each.rows if each.kind in GAPS else 0),
    )
    return tuple(_plot(label, unit, _count(sums, measure), first, last, step) for label, unit, measure in of)


def _count(sums: Sequence[PlotSum], measure: Callable[[PlotSum], int]) -> Counter[int]:
    counted: Counter[int] = Counter()
    for each in sums:
        counted[each.step] += measure(each)
    return counted


def _plot(label: str, unit: str, counted: Counter[int], first: int, last: int, step: int) -> Plot:
    most = max(counted.values(), default=0)
    columns = []
    for place in range(first, last + 1):
        if count := counted[place]:
            height = max(2, round(HEIGHT * count / most))
            title = f"{count:,} {unit}, {_write_time(place * step)} UTC"
            columns.append(Column((place - first) * BAR, HEIGHT - height, height, title))
    width = (last - first + 1) * BAR
    return Plot(
        label, unit, sum(counted.values()), most, width, tuple(columns), _write_time(first * step),
        _write_time(last * step),
    )


def _write_time(microseconds: int) -> str:
    return f"{datetime.fromtimestamp(microseconds / 1e6, UTC):%Y-%m-%d %H:%M}"
