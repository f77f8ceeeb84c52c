"""Identifies events and chunks by their content, so that what is sent twice is stored once.

An id is a ULID (github.com/ulid/spec): 48 bits of time in milliseconds, then 80 bits that are the head of a SHA-256.
Sorting by id is therefore sorting by time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from operator import methodcaller
from typing import Final

from ulid import ULID

EARLIEST: Final = 946_684_800_000_000  # 2000-01-01; Kubernetes is younger
LATEST: Final = 4_102_444_800_000_000  # 2100-01-01
_LOG_START: Final = b'{"kind":"Event","apiVersion":"audit.k8s.io/v1",'
_MINUTE: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d", re.ASCII)
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_DASHES: Final = (8, 13, 18, 23)
UUID_LENGTH: Final = 36
ROW_ID_BYTES: Final = 16
LONGEST_AUDIT_ID: Final = 64
UUID_BYTES: Final = 16
_EXACT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)


def as_posted(raw: bytes) -> bytes:
    """Give an event's bytes, by which it is identified after redaction, as the apiserver posts it.

    A line of the apiserver's log file differs from the webhook's item only by its kind and version at the front; both
    are the same event.
    """
    return raw[:1] + raw[len(_LOG_START):] if raw.startswith(_LOG_START) else raw


is_logged: Final = methodcaller("startswith", _LOG_START)
"""Whether an event's bytes begin as a line of the apiserver's log file does."""


def digest_events(cluster: str, raws: Iterable[bytes]) -> list[bytes]:
    """Give the SHA-256 of each event of a cluster: ids begin with them, and seals are built on them."""
    begin, digests = sha256(cluster.encode("utf-8", "surrogateescape") + b"\0").copy, []
    for raw in raws:
        own = begin()
        own.update(raw)
        digests.append(own.digest())
    return digests


def event_ids(digests: Iterable[bytes], milliseconds: Iterable[int]) -> list[bytes]:
    """Give the 16 bytes of each event's id from the digest of its bytes as posted, and from its time."""
    return [
        moment.to_bytes(6, "big") + digest[:10] for digest, moment in zip(digests, milliseconds, strict=True)
    ]


def chunk_id(event_ids: Iterable[bytes]) -> bytes:
    """Give a chunk's id: the time of its newest event and the hash of its events' ids in stored order."""
    ids = list(event_ids)
    return max(ids)[:6] + sha256(b"".join(ids)).digest()[:10]


def quarantine_id(cluster: str, raw: bytes) -> bytes:
    """Give the id of bytes that no parser takes: their hash, so that a retry is kept once."""
    return sha256(b"%b\0%b" % (cluster.encode(), raw)).digest()[:16]


def row_id(values: Iterable[str | int], turn: int = 0) -> bytes:
    """Return the 16 bytes that stand for the values of a row: its hash.

    Whoever chooses the values can look for two rows with one hash. So the store never takes the hash for the row: when
    another row holds the id, the next ``turn`` gives another id. Texts hold no NUL, which ends each value here.
    """
    text = "\0".join(map(str, values))
    return _hash_row(f"{text}\0{turn}" if turn else text)


def _hash_row(text: str) -> bytes:
    return sha256(text.encode()).digest()[:ROW_ID_BYTES]


def audit_key(audit_id: str) -> bytes:
    """Return the bytes by which the events of an auditID are looked up; no two auditIDs share them.

    An apiserver's own auditIDs are UUIDs (RFC 9562): 16 bytes. Clients may choose any text (the header Audit-ID): it is
    kept after a mark that tells it from a UUID, and a longer one than anybody needs as its whole SHA-256.
    """
    if _UUID.fullmatch(audit_id):
        return bytes.fromhex(audit_id.replace("-", ""))
    text = audit_id.encode()
    if len(text) > LONGEST_AUDIT_ID:
        return b"#" + sha256(text).digest()
    return (b"~=" if len(text) == UUID_BYTES - 1 else b"=") + text


def audit_keys(audit_ids: Sequence[str]) -> list[bytes]:
    """Return the `audit_key` of each auditID: of UUIDs, as most batches hold nothing else, all at once."""
    joined = "".join(audit_ids)
    dashes = "-" * len(audit_ids)
    digits = joined.replace("-", "")
    if (
        set(map(len, audit_ids)) == {UUID_LENGTH} and len(digits) == 2 * UUID_BYTES * len(audit_ids)
        and all(joined[place::UUID_LENGTH] == dashes for place in _DASHES) and digits == digits.lower()
    ):
        with suppress(ValueError):  # some are no hexadecimal digits
            keys = bytes.fromhex(digits)
            if len(keys) == UUID_BYTES * len(audit_ids):  # else there are blanks within
                return [keys[start:start + UUID_BYTES] for start in range(0, len(keys), UUID_BYTES)]
    return list(map(audit_key, audit_ids))


def time_bound(milliseconds: int) -> bytes:
    """Give the smallest id of a time: ids below it are earlier, ids from it on are not."""
    return max(0, milliseconds).to_bytes(6, "big") + bytes(10)


def to_text(identifier: bytes) -> str:
    """Write an id as 26 characters."""
    return str(ULID(identifier))


def from_text(text: str) -> bytes:
    """Read 26 characters as an id; ValueError when they are none."""
    if len(text) != 26 or not text.isascii():
        raise ValueError("an event id has 26 characters")
    return ULID.from_str(text.upper()).bytes


def microseconds(timestamp: str) -> int | None:
    """Read an RFC 3339 time (meta/v1/micro_time.go) as microseconds since the epoch; None when it is none."""
    if _EXACT.fullmatch(timestamp):
        second = _whole_second(timestamp[:19])
        if second is not None:
            return second + int(timestamp[20:26])
    return _any_form(timestamp)


def milliseconds(timestamp: str) -> int | None:
    """Read an RFC 3339 time as whole milliseconds since the epoch, by the shortest way for the apiserver's form."""
    fraction, second = FRACTIONS.get(timestamp[19:23]), SECONDS.get(timestamp[16:19])
    if fraction is not None and second is not None and timestamp[23:] in _REST:
        minute = exact_minute(timestamp[:16])
        if minute is not None:
            return minute + second + fraction
    moment = microseconds(timestamp)
    return None if moment is None else moment // 1000


FRACTIONS: Final = {f".{number:03d}": number for number in range(1000)}
SECONDS: Final = {f":{number:02d}": number * 1000 for number in range(61)}
_REST: Final = frozenset(f"{number:03d}Z" for number in range(1000))


@lru_cache(maxsize=4096)
def exact_minute(text: str) -> int | None:
    """Return a minute as milliseconds; those of a day are fewer than what is remembered."""
    whole = _whole_second(f"{text}:00") if _MINUTE.fullmatch(text) else None
    return None if whole is None else whole // 1000


@lru_cache(maxsize=4096)
def _whole_second(text: str) -> int | None:
    """Read a time without its fraction, a leap second too; the events of a batch share few of them."""
    day = _any_form(text[:10] + "T00:00:00Z")
    hour, minute, second = int(text[11:13]), int(text[14:16]), int(text[17:])
    if day is None or hour > 23 or minute > 59 or second > 60:
        return None
    return day + ((hour * 60 + minute) * 60 + second) * 1_000_000


def _any_form(timestamp: str) -> int | None:
    try:
        moment = datetime.fromisoformat(timestamp)
        return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1_000_000)
    except (ValueError, OverflowError):
        return None


def within_bounds(moment: int | None) -> int:
    """Give a time that the store can order by: unknown or absurd ones become the nearest bound."""
    return EARLIEST if moment is None else min(max(moment, EARLIEST), LATEST)
