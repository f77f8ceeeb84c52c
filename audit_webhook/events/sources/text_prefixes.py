"""Takes off what is written before a line: by container runtimes, journald, syslog, `oc` and `aws`."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

LONGEST_PREFIX: Final = 4096
_TIME: Final = rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"
_CRI: Final = re.compile(rb"(" + _TIME + rb") (stdout|stderr) ([FP]) ?")
_FORMS: Final = (
    ("aws logs tail", re.compile(_TIME + rb"\s+kube-apiserver-audit-\S{1,256}\s+(?=\{)")),
    ("kubectl logs", re.compile(rb"\[[a-z]{1,32}/[^\]\s]{1,512}\]\s+(?=\{)")),
    ("syslog (RFC 5424)", re.compile(rb"<\d{1,3}>1 \S{1,64} \S{1,255} \S{1,64} \S{1,128} \S{1,64} [^{]{0,2048}(?=\{)")),
    ("syslog (RFC 3164)", re.compile(rb"(?:<\d{1,3}>)?[A-Z][a-z]{2} [ \d]?\d \d\d:\d\d:\d\d(?:\.\d+)? \S{1,256} "
                                     rb"[^\s{]{1,256}:?\s+(?=\{)")),
    ("journald", re.compile(_TIME + rb"\s+\S{1,256}\s+[^\s{]{1,256}:\s+(?=\{)")),
    ("timestamped", re.compile(_TIME + rb"\s+(?=\{)")),
    ("oc adm node-logs", re.compile(rb"[A-Za-z0-9][\w.-]{0,252} (?=\{)")),
    ("labelled", re.compile(rb"\[?[\w.@/-]{1,256}\]?[>:]{1,2}\s+(?=\{)")),
)


class Prefix(NamedTuple):
    """What stands before a line: its form, how long it is, and for a container runtime the stream and the piece."""

    form: str
    length: int
    stream: bytes = b""
    is_part: bool = False


def find_prefix(line: bytes) -> Prefix | None:
    """Return what stands before the line of a program; None where nothing does."""
    head = line[:LONGEST_PREFIX]
    if match := _CRI.match(head):
        return Prefix("container runtime (CRI)", match.end(), match[2], match[3] == b"P")
    for form, pattern in _FORMS:
        if match := pattern.match(head):
            return Prefix(form, match.end())
    return None
