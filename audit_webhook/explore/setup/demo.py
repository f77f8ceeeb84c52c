"""Load the shipped sample of events, moved in time so that the newest happened just now."""

from __future__ import annotations

import gzip
import importlib.resources
import itertools
import re
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from audit_webhook.events.event import EPOCH
from audit_webhook.ingest.receive import Receipt, receive
from audit_webhook.storage.repository import Repository

BATCH_EVENTS: Final = 100
_TIMESTAMP: Final = re.compile(rb'"(20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{6})?Z"')
_STAGE_TIMESTAMP: Final = re.compile(rb'"stageTimestamp":"([^"]+)"')
_AUDIT_ID: Final = re.compile(rb'"auditID":"([0-9a-f-]{36})"')


Ingest = Callable[[str, bytes], Receipt]
"""Takes a cluster's name and the body of a batch, as the webhook would."""


class Sample(NamedTuple):
    """One shipped event: its cluster, when it is to happen (microseconds before now), and its JSON."""

    cluster: str
    before: int
    raw: bytes


def load(repository: Repository, now: int) -> int:
    """Store the sample as if it had just happened, and say how many events were stored."""

    def ingest(cluster: str, body: bytes) -> Receipt:
        return receive(repository, cluster, body, now)

    return send(ingest, now)


def send(ingest: Ingest, now: int) -> int:
    """Send the sample to `ingest` in batches, its newest event at `now`, and say how many events were stored.

    The gaps between the events stay as shipped: about six hours in all. Loading it again adds it again, at new times.
    """
    moved = ((sample.cluster, _move(sample, now)) for sample in read_samples())
    stored = 0
    for cluster, events in itertools.groupby(sorted(moved, key=lambda pair: pair[0]), key=lambda pair: pair[0]):
        raw = [event for _, event in events]
        stored += sum(ingest(cluster, body).stored for body in _batches(raw))
    return stored


def read_samples() -> Iterator[Sample]:
    """Read the shipped events, oldest first."""
    packed = importlib.resources.files("audit_webhook.explore.setup").joinpath("sample.ndjson.gz").read_bytes()
    for line in gzip.decompress(packed).splitlines():
        cluster, before, raw = line.split(b"\t", 2)
        yield Sample(cluster.decode(), int(before), raw)


def _batches(events: list[bytes]) -> Iterator[bytes]:
    """Write the events as an apiserver would post them."""
    head = b'{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":['
    for start in range(0, len(events), BATCH_EVENTS):
        yield head + b",".join(events[start:start + BATCH_EVENTS]) + b"]}\n"


def _move(sample: Sample, now: int) -> bytes:
    """Move every time in an event by the same distance, those of its objects too, and give it a fresh audit ID.

    With the shipped audit ID, the requests of two loads would look like stages of one request.
    """
    recorded = _STAGE_TIMESTAMP.search(sample.raw)
    if recorded is None:
        return sample.raw
    happens = EPOCH + timedelta(microseconds=now - sample.before)
    distance = happens - datetime.fromisoformat(recorded[1].decode())
    raw = _TIMESTAMP.sub(lambda found: _moved_time(found, distance), sample.raw)
    return _AUDIT_ID.sub(lambda found: _fresh_audit_id(found, now), raw, count=1)


def _moved_time(found: re.Match[bytes], distance: timedelta) -> bytes:
    moment = datetime.fromisoformat(found[1].decode()).replace(tzinfo=UTC)
    if found[2]:
        moment += timedelta(microseconds=int(found[2][1:]))
    moment += distance
    # Kubernetes writes the times of events in microseconds and those inside of objects in seconds.
    written = moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if found[2] else "%Y-%m-%dT%H:%M:%SZ")
    return f'"{written}"'.encode()


def _fresh_audit_id(found: re.Match[bytes], now: int) -> bytes:
    return b'"auditID":"' + str(uuid.uuid5(uuid.UUID(found[1].decode()), str(now))).encode() + b'"'
