"""Writes what was measured as tables of Markdown and as a plot."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from bench.ingest import LEVELS, Round, ratios

COLOURS: Final = {"service": "#2563eb", "floor": "#9ca3af", "yardstick": "#d97706"}
WIDTH: Final = 640
ROW: Final = 22
LABEL: Final = 250


class Growth(NamedTuple):
    """How fast a receiver was with so many events stored."""

    stored: int
    rate: float


def of(rounds: Sequence[Round], level: str, receiver: str) -> list[Round]:
    """Give the rounds of one receiver at one level."""
    return [found for found in rounds if found.level == level and found.receiver == receiver]


def rates_table(rounds: Sequence[Round], names: Sequence[str], disk: dict[tuple[str, str], float]) -> str:
    """Give a row for each level and receiver: medians over the rounds, sums for the CPU."""
    lines = [
        "| level | receiver | events/s, median | CPU s per 10⁶ events, own + database | bytes on disk an event |",
        "|---|---|---|---|---|",
    ]
    for level in LEVELS:
        for name in names:
            found = of(rounds, level, name)
            events = sum(each.events for each in found)
            own = sum(each.cpu_seconds for each in found) / events * 1e6
            database = sum(each.database_cpu_seconds for each in found) / events * 1e6
            rate = statistics.median(each.rate for each in found)
            size = f"{disk[level, name]:,.0f}" if (level, name) in disk else ""
            lines.append(f"| {level} | {name} | {rate:,.0f} | {own:.1f} + {database:.1f} | {size} |")
    return "\n".join(lines)


def ratios_table(rounds: Sequence[Round], names: Sequence[str]) -> str:
    """Give, for each level, the rate of this program ÷ that of the others in each pair of rounds."""
    lines = ["| level | service ÷ | in each pair | median |", "|---|---|---|---|"]
    for level in LEVELS:
        for name in names[1:]:
            pairs = ratios(rounds, level, "service", name)
            each = ", ".join(f"{pair:.2f}" for pair in pairs)
            lines.append(f"| {level} | {name} | {each} | {statistics.median(pairs):.2f} |")
    return "\n".join(lines)


def growth_table(growth: Sequence[Growth]) -> str:
    """Give the rate at each size, and its ratio to that of the first."""
    lines = ["| events stored | events/s | ÷ the first |", "|---|---|---|"]
    lines += [f"| {each.stored:,} | {each.rate:,.0f} | {each.rate / growth[0].rate:.2f} |" for each in growth]
    return "\n".join(lines)


def plot(rounds: Sequence[Round], names: Sequence[str], path: Path) -> None:
    """Draw the median rates as bars into an SVG file."""
    bars = [
        (f"{level}, {name}", name, statistics.median(each.rate for each in of(rounds, level, name)))
        for level in LEVELS for name in names
    ]
    most = max(rate for _, _, rate in bars)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {ROW * (len(bars) + 2)}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{ROW * (len(bars) + 2)}" fill="#ffffff"/>',
        f'<text x="8" y="{ROW * 0.8:.0f}" font-weight="bold">Acknowledged events a second, median</text>',
    ]
    for number, (label, name, rate) in enumerate(bars, 1):
        top, length = number * ROW + 6, (WIDTH - LABEL - 70) * rate / most
        parts.append(f'<text x="8" y="{top + 13}">{label}</text>')
        parts.append(f'<rect x="{LABEL}" y="{top}" width="{length:.0f}" height="{ROW - 6}" fill="{COLOURS[name]}"/>')
        parts.append(f'<text x="{LABEL + length + 6:.0f}" y="{top + 13}">{rate:,.0f}</text>')
    path.write_text("\n".join([*parts, "</svg>"]) + "\n", encoding="utf-8")
