"""Takes a program's lines out of what container runtimes, journald and log collectors wrap around them.

Understood are Docker's json-file, CRI (containerd, CRI-O) with its partial lines, journald's short forms and JSON,
``kubectl logs --timestamps --prefix``, ``oc adm node-logs``, and JSON objects that hold the line under a usual name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import orjson

LONGEST: Final = 1024**2
DEEPEST: Final = 4
_TIME: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)"
_CRI: Final = re.compile(rf"({_TIME}) (?:stdout|stderr) ([FP])(?: (.*))?", re.DOTALL)
_STAMPED: Final = re.compile(rf"({_TIME})\s(?!AUDIT:)(.*)", re.DOTALL)
_PREFIXED: Final = re.compile(r"\[[a-z]+/[^\]\s]{1,512}\] (.*)", re.DOTALL)
_JOURNAL: Final = re.compile(
    rf"(?:[A-Z][a-z]{{2}} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)?|({_TIME})) \S{{1,256}} (?!AUDIT:)[^\s:\[]{{1,256}}"
    r"(?:\[\d+\])?: (.*)",
    re.DOTALL,
)
_NODE: Final = re.compile(
    rf"[A-Za-z][\w.-]{{0,252}} ((?:[IWEF]\d{{4}} \d\d:|{_TIME} AUDIT: |Impacted events:).*)", re.DOTALL
)
_HOLDERS: Final = ("log", "message", "MESSAGE", "line", "textPayload", "msg")
_TIMES: Final = ("time", "@timestamp", "timestamp", "ts")


class LogLine(NamedTuple):
    """A line of the program itself, and when it was written according to what it was wrapped in, else empty."""

    text: str
    time: str = ""


def unwrap(lines: Iterable[bytes]) -> Iterator[LogLine]:
    """Yield the program's own lines; those that were split are put together, up to a mebibyte."""
    pending, began = "", ""
    for raw in lines:
        text, time, is_whole = _peel(raw.decode("utf-8", "replace"))
        began = began or time
        pending = (pending + text)[:LONGEST]
        if is_whole:
            for part in pending.split("\n"):
                if part.strip():
                    yield LogLine(part.strip("\r"), began)
            pending, began = "", ""
    if pending.strip():
        yield LogLine(pending, began)


def _peel(text: str) -> tuple[str, str, bool]:
    """Return the innermost text, the outermost time, and whether its line ends here."""
    time, is_whole = "", True
    for _ in range(DEEPEST):
        inner = _peel_once(text)
        if inner is None:
            break
        text, found, ends = inner
        time, is_whole = time or found, is_whole and ends
    return text, time, is_whole


def _peel_once(text: str) -> tuple[str, str, bool] | None:
    if text.startswith("{"):
        return _peel_object(text)
    if match := _CRI.fullmatch(text):
        return match[3] or "", match[1], match[2] == "F"
    if match := _PREFIXED.fullmatch(text):
        return match[1], "", True
    if match := _JOURNAL.fullmatch(text):
        return match[2], match[1] or "", True
    if match := _STAMPED.fullmatch(text):
        return match[2], match[1], True
    if match := _NODE.fullmatch(text):
        return match[1], "", True
    return None


def _peel_object(text: str) -> tuple[str, str, bool] | None:
    """Return what a JSON object holds; klog's own objects have a caller, and are left for the reader of klog."""
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(document, dict) or "caller" in document:
        return None
    held = next((document[name] for name in _HOLDERS if isinstance(document.get(name), str)), None)
    if held is None:
        return None
    time = next((str(document[name]) for name in _TIMES if isinstance(document.get(name), str)), "")
    is_docker = "log" in document and "stream" in document
    return held.removesuffix("\n"), time, not is_docker or held.endswith("\n")
