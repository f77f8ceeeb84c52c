"""Takes off what is written before a line: by container runtimes, journald, syslog, `oc`, `aws`, `grep` and others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

LONGEST_PREFIX: Final = 4096
MOST_TRIED: Final = 4
MOST_PIECES: Final = 1024
"""Pieces of 16 KiB that the longest event has."""
UNKNOWN_PREFIX: Final = "text before the line"
_TIME: Final = rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"
_CRI: Final = re.compile(rb"(" + _TIME + rb") (stdout|stderr) ([FP])(?::[\w=.-]{1,64})? ?")
_FORMS: Final = (
    ("aws logs tail", re.compile(_TIME + rb"\s+kube-apiserver-audit-\S{1,256}\s+\Z")),
    ("kubectl logs", re.compile(rb"\[[a-z]{1,32}/[^\]\s]{1,512}\]\s+\Z")),
    ("syslog (RFC 5424)", re.compile(rb"(?:\d{1,9} )?<\d{1,3}>1 \S")),
    ("syslog (RFC 3164)", re.compile(rb"(?:\d{1,9} )?(?:<\d{1,3}>)?[A-Z][a-z]{2} [ \d]?\d (?:\d{4} )?\d\d:\d\d:\d\d")),
    ("syslog (RFC 3164)", re.compile(rb"<\d{1,3}>")),
    ("journald", re.compile(_TIME + rb"\s+\S{1,256}\s+[^\s{]{1,256}:\s+\Z")),
    ("logcli", re.compile(_TIME + rb"\s+\{[A-Za-z_]\w{0,255}=")),
    ("timestamped", re.compile(_TIME + rb"\s+\Z")),
    ("oc adm node-logs", re.compile(rb"[A-Za-z0-9][\w.-]{0,252} \Z")),
    ("labelled", re.compile(rb"\[?[\w.@/-]{1,256}\]?[>:]{1,2}\s+\Z")),
)
_BEGINNINGS: Final = (b'{"', b'{ "', b'[{"', b'"{\\"', b'"{""')
"""How what is wrapped begins after a prefix: an object, a list of them, or either in a string of JSON or CSV."""


class Prefix(NamedTuple):
    """What stands before a line: its form, how long it is, and for a container runtime the stream and the piece."""

    form: str
    length: int
    stream: bytes = b""
    is_part: bool = False


def find_container_prefix(line: bytes) -> Prefix | None:
    """Return what a container runtime wrote before a line, or a piece of one; None where it did not."""
    if match := _CRI.match(line[:LONGEST_PREFIX]):
        return Prefix("container runtime (CRI)", match.end(), match[2], match[3] == b"P")
    return None


def find_prefixes(line: bytes) -> Iterator[Prefix]:
    """Yield what may stand before the line of a program, the shortest first."""
    if prefix := find_container_prefix(line):
        yield prefix
        return
    start = 0
    for _ in range(MOST_TRIED):
        places = [line.find(each, start, LONGEST_PREFIX) for each in _BEGINNINGS]
        place = min((each for each in places if each >= 0), default=-1)
        if place < 0:
            return
        if place:
            yield Prefix(_form_of(line[:place]), place)
        start = place + 1


def _form_of(prefix: bytes) -> str:
    return next((form for form, pattern in _FORMS if pattern.match(prefix)), UNKNOWN_PREFIX)


def end_of_whole_lines(text: bytes) -> int:
    """Return where the last line ends whose event ends with it; 0 when none does.

    A container runtime's line that is only a piece goes together with those that follow.
    """
    end = text.rfind(b"\n") + 1
    whole = end
    for _ in range(MOST_PIECES):
        start = text.rfind(b"\n", 0, max(whole - 1, 0)) + 1
        prefix = find_container_prefix(text[start:start + LONGEST_PREFIX]) if whole else None
        if prefix is None or not prefix.is_part:
            break
        whole = start
    return whole or end
