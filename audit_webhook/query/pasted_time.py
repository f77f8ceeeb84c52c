"""Reads times and ranges as people paste them: out of logs, mails, tickets and other tools.

The forms are those of RFC 3339, HTTP dates, ``date``, klog, access logs, and seconds or less since 1970.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final, NamedTuple

from audit_webhook.events.event import EPOCH

LONGEST: Final = 200
AROUND: Final = timedelta(minutes=5)
"""How far before and after a single time its range reaches."""
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DIGITS: Final = {10: 1_000_000, 13: 1000, 16: 1}
"""Microseconds in what a number of so many digits counts since 1970."""
_EPOCH: Final = re.compile(r"\d{10}(\.\d{1,9})?|\d{13}|\d{16}|\d{19}", re.ASCII)
_BACK: Final = re.compile(r"(?:last |past )?(\d{0,5}) ?([smhdw])[a-z]*(?: ago)?", re.ASCII)
_CLOCK: Final = re.compile(r"(?<!\d)(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?", re.ASCII)
_OFFSET: Final = re.compile(r"([+-])(\d\d):?(\d\d)(?!\d)|\b(utc|gmt|z)\b", re.ASCII)
_NUMBERS: Final = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})", re.ASCII)
_DAY_FIRST: Final = re.compile(r"(\d{1,2})[ /-]([a-z]{3,9})(?:[ /-](\d{4}))?", re.ASCII)
_MONTH_FIRST: Final = re.compile(r"([a-z]{3,9}) (\d{1,2})\b(?: (\d{4}))?", re.ASCII)
_KLOG: Final = re.compile(r"[iwef](\d\d)(\d\d)\b", re.ASCII)
_YEAR: Final = re.compile(r"\b\d{4}\b", re.ASCII)
_FILLER: Final = re.compile(r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*|at|t|[\s\[\]():]", re.ASCII)
_JOINTS: Final = (" to ", " until ", " - ", " – ", "–", " — ", "..", "/")


class Range(NamedTuple):
    """From when (itself in) to when (itself not), in milliseconds since 1970."""

    since: int
    until: int


class _Read(NamedTuple):
    """A point of time, and how long it lasts: a whole day, or nothing at all."""

    start: datetime
    length: timedelta = timedelta(0)


def read_range(text: str, now: int, zone: tzinfo = UTC) -> Range:
    """Return the range that a pasted text means: a day, a span back from ``now``, two times, or what is around one.

    ``now`` is in microseconds; a text that names no zone means ``zone``. Raises ValueError for any other text.
    """
    text = " ".join(text.lower().split())
    moment = (EPOCH + timedelta(microseconds=now)).astimezone(zone)
    if not 0 < len(text) <= LONGEST:
        raise ValueError("a time of at most 200 characters is needed")
    try:
        if (back := _back(text)) is not None and not text.endswith("ago"):
            return _range(moment - back, moment)
        if ends := _ends(text, moment):
            return ends
        read = _read(text, moment)
        before, after = (timedelta(0), read.length) if read.length else (AROUND, AROUND)
        return _range(read.start - before, read.start + after)
    except OverflowError as error:
        raise ValueError("this is no time of our calendar") from error


def read_instant(text: str, now: int, zone: tzinfo = UTC) -> int:
    """Return the milliseconds since 1970 of a single time, or of the beginning of a day; ValueError for any other."""
    text = " ".join(text.lower().split())[:LONGEST]
    moment = (EPOCH + timedelta(microseconds=now)).astimezone(zone)
    return _range(_read(text, moment).start, moment).since


def _ends(text: str, now: datetime) -> Range | None:
    """Read two times with something between them; a clock at the end is one of the day of the beginning."""
    for joint in _JOINTS:
        first, found, last = text.partition(joint)
        if not (found and first.strip() and last.strip()):
            continue
        try:
            start = _read(first.strip(), now)
            end = _read(last.strip(), now, start.start)
        except ValueError:
            continue
        if end.start + end.length <= start.start:
            raise ValueError("the end comes before the beginning")
        return _range(start.start, end.start + end.length)
    return None


def _range(start: datetime, end: datetime) -> Range:
    step = timedelta(milliseconds=1)
    return Range(max(0, (start - EPOCH) // step), max(1, -((EPOCH - end) // step)))


def _back(text: str) -> timedelta | None:
    match = _BACK.fullmatch(text)
    if match is None:
        return None
    return timedelta(seconds=int(match.group(1) or 1) * _UNITS[match.group(2)])


def _read(text: str, now: datetime, same_day: datetime | None = None) -> _Read:
    """Read a single time; without a date it is of ``same_day``, or the last that there was."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if text in ("now", "today", "yesterday"):
        whole = timedelta(days=1)
        return {"now": _Read(now), "today": _Read(midnight, whole), "yesterday": _Read(midnight - whole, whole)}[text]
    if _EPOCH.fullmatch(text):
        return _Read(_since_1970(text))
    if (back := _back(text)) is not None:
        return _Read(now - back)
    clock, rest = _take(_CLOCK, text.replace("t", " t ", 1) if text[10:11] == "t" else text)
    offset, rest = _take(_OFFSET, rest) if clock else (None, rest)
    rest = _take(_OFFSET, rest)[1] if offset else rest  # Go writes its zone twice
    zone = _zone(offset) if offset else now.tzinfo or UTC
    day, rest = _day(rest, now.astimezone(zone))
    if _FILLER.sub("", rest.replace(",", "")) or not (clock or day):
        raise ValueError("this is not a time")
    if clock is None:
        return _Read(day.replace(tzinfo=zone) if day else now, timedelta(days=1))
    base = day or (same_day or now).astimezone(zone)
    read = datetime(base.year, base.month, base.day, *_time(clock), tzinfo=zone)
    is_to_come = day is None and same_day is None and read > now
    return _Read(read - timedelta(days=1) if is_to_come else read)


def _take(pattern: re.Pattern[str], text: str) -> tuple[re.Match[str] | None, str]:
    """Return the first match and the text without it."""
    match = pattern.search(text)
    return (match, f"{text[:match.start()]} {text[match.end():]}") if match else (None, text)


def _since_1970(text: str) -> datetime:
    whole, _, fraction = text.partition(".")
    if len(whole) == 19:
        return EPOCH + timedelta(microseconds=int(whole) // 1000)
    microseconds = int(whole) * _DIGITS[len(whole)] + int(fraction.ljust(6, "0")[:6] or 0)
    return EPOCH + timedelta(microseconds=microseconds)


def _time(match: re.Match[str]) -> tuple[int, int, int, int]:
    hour, minute, second, fraction = match.groups()
    return int(hour), int(minute), int(second or 0), int((fraction or "").ljust(6, "0")[:6])


def _zone(match: re.Match[str]) -> tzinfo:
    sign, hours, minutes, _ = match.groups()
    if sign is None:
        return UTC
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-offset if sign == "-" else offset)


def _day(text: str, now: datetime) -> tuple[datetime | None, str]:
    """Return the day that a text names, at midnight and without a zone, and what is left of the text."""
    match, rest = _take(_NUMBERS, text)
    if match:
        return datetime(int(match.group(1)), int(match.group(2)), int(match.group(3))), rest
    for pattern, order in ((_DAY_FIRST, (1, 0)), (_MONTH_FIRST, (0, 1)), (_KLOG, (0, 1))):
        match, rest = _take(pattern, text)
        month = _month(match.group(order[0] + 1)) if match else None
        if match and month:
            year = match.group(3) if pattern is not _KLOG else None
            if year is None:
                found, rest = _take(_YEAR, rest)
                year = found.group() if found else None
            return _in_year(int(year) if year else None, month, int(match.group(order[1] + 1)), now), rest
    return None, text


def _month(text: str) -> int | None:
    if text.isdigit():
        return int(text)
    return _MONTHS.index(text[:3]) + 1 if text[:3] in _MONTHS else None


def _in_year(year: int | None, month: int, day: int, now: datetime) -> datetime:
    """Return a day of a year, or without one the last such day that there was."""
    made = datetime(year or now.year, month, day)
    return made.replace(year=made.year - 1) if year is None and made.date() > now.date() else made
