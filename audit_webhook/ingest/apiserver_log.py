"""Finds in a kube-apiserver's own log the events that its audit backends gave up.

``HandlePluginError`` in k8s.io/apiserver pkg/audit/metrics.go writes them as one message of several lines: ``Error in
audit plugin 'webhook' affecting 3 audit events: <error>``, ``Impacted events:``, and a line for each event. klog writes
it as text, where a message's further lines have no head, or as JSON.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, NamedTuple

import orjson

from audit_webhook.ingest.log_wraps import LogLine, unwrap
from audit_webhook.ingest.lost_events import LostEvent, read_lost_event, read_time

MOST_NAMED: Final = 20_000
LONGEST_ERROR: Final = 400
DAY: Final = 86_400_000_000
_ERROR_LINES: Final = 50
_HEAD: Final = re.compile(
    r"([IWEF])(\d\d)(\d\d) (\d\d:\d\d:\d\d\.\d{1,9})\s+\d+ [\w.-]{1,128}:\d+\] ?(.*)", re.DOTALL | re.ASCII
)
_MESSAGE: Final = re.compile(
    r"Error in audit plugin '([^']{1,256})' affecting (\d{1,9}) audit events: ?(.*)", re.DOTALL | re.ASCII
)
_EVENTS: Final = "Impacted events:"


class GivenUp(NamedTuple):
    """A report: when in microseconds, which plugin, of how many events, why, and the events that it names.

    ``stamp`` is the time as the log tells it, month to microsecond, the same however the line was wrapped.
    """

    time: int
    stamp: str
    plugin: str
    events: int
    error: str
    named: tuple[LostEvent, ...]

    @property
    def is_of_webhook(self) -> bool:
        """Whether the events were on their way to a webhook, rather than into a log file."""
        return "webhook" in self.plugin or self.plugin in ("buffered", "truncate")


@dataclass
class _Report:
    stamp: str
    time: int
    plugin: str
    events: int
    error: list[str]
    is_listing: bool = False
    named: list[LostEvent] = field(default_factory=list)


def read_given_up(lines: Iterable[bytes], now: int) -> Iterator[GivenUp]:
    """Yield the reports in a log's lines, wrapped or not; ``now`` in microseconds settles a year that no line tells."""
    report: _Report | None = None
    for line in _expand(unwrap(lines)):
        head = _HEAD.fullmatch(line.text)
        if head is None and report is not None and _continue(report, line.text):
            continue
        if report is not None:
            yield _finish(report, now)
        report = _begin(head, line) if head is not None else None
    if report is not None:
        yield _finish(report, now)


def _expand(lines: Iterable[LogLine]) -> Iterator[LogLine]:
    """Yield klog's JSON as the lines of its text form."""
    for line in lines:
        if not line.text.startswith("{") or "audit plugin" not in line.text:
            yield line
            continue
        try:
            document = orjson.loads(line.text)
        except orjson.JSONDecodeError:
            continue
        text, time = document.get("msg"), _time_of(document.get("ts"))
        if isinstance(text, str) and time is not None:
            moment = datetime.fromtimestamp(time / 1e6, UTC)
            head, *rest = text.split("\n")
            yield LogLine(f"E{moment:%m%d %H:%M:%S.%f} 1 json:1] {head}", moment.isoformat())
            yield from (LogLine(part, line.time) for part in rest)


def _time_of(stamp: object) -> int | None:
    """Return the microseconds of klog's ``ts``: milliseconds since the epoch, or a text."""
    if isinstance(stamp, int | float) and 0 < stamp < 1e14:
        return round(stamp * 1000) if stamp > 1e11 else round(stamp * 1e6)
    return read_time(stamp) if isinstance(stamp, str) else None


def _begin(head: re.Match[str], line: LogLine) -> _Report | None:
    found = _MESSAGE.fullmatch(head[5])
    if head[1] != "E" or found is None:
        return None
    stamp = f"{head[2]}{head[3]} {head[4]:0<15.15}"
    return _Report(stamp, read_time(line.time) or 0, found[1], int(found[2]), [found[3]])


def _continue(report: _Report, text: str) -> bool:
    """Take a further line of a report; return whether it was one."""
    if report.is_listing:
        event = read_lost_event(text)
        if event is not None and len(report.named) < MOST_NAMED:
            report.named.append(event)
        return event is not None
    report.is_listing = text.strip() == _EVENTS
    if not report.is_listing:
        report.error.append(text)
    return len(report.error) <= _ERROR_LINES


def _finish(report: _Report, now: int) -> GivenUp:
    time = report.time or _time_in_year(report.stamp, report.named, now)
    error = " ".join(report.error).strip()[:LONGEST_ERROR]
    return GivenUp(time, report.stamp, report.plugin, max(report.events, len(report.named)), error, tuple(report.named))


def _time_in_year(stamp: str, events: list[LostEvent], now: int) -> int:
    """Return the time that klog writes without its year: nearest to the events, else the last such time until now.

    klog writes local time; a kube-apiserver's container has UTC.
    """
    near = max((event.time for event in events), default=now)
    year = datetime.fromtimestamp(near / 1e6, UTC).year
    texts = [f"{each:04}-{stamp[:2]}-{stamp[2:4]}T{stamp[5:]}+00:00" for each in (year - 1, year, year + 1)]
    found = [time for text in texts if (time := read_time(text)) is not None]
    found = found if events else [time for time in found if time <= now + DAY]
    return min(found, key=lambda time: abs(time - near), default=near)
