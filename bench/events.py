"""Makes as many events as wanted from recorded batches of a kube-apiserver: same shapes, new ids, names, times."""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import orjson

RECORDED: Final = sorted((Path(__file__).parent / "data").glob("*.json.gz"))
COMMANDS: Final = Path(__file__).parent / "data" / "commands.jsonl.xz"
BATCH: Final = 500
RARE_EVERY: Final = 20_000
RARE: Final[dict[str, Any]] = {
    "user": {"username": "rare-user", "groups": ["rare-group"]},
    "impersonatedUser": {"username": "rare-assumed"},
    "verb": "rareverb",
    "sourceIPs": ["203.0.113.9"],
    "userAgent": "rareclient/1.0",
    "level": "Request",
    "stage": "Panic",
    "requestURI": "/apis/rare.example/v1/namespaces/rare-ns/rares/rare-name?fieldManager=rare-manager&dryRun=All",
    "objectRef": {
        "resource": "rares", "namespace": "rare-ns", "name": "rare-name", "apiGroup": "rare.example",
        "apiVersion": "v1", "subresource": "raresub",
    },
    "responseStatus": {"code": 418},
    "annotations": {"authorization.k8s.io/decision": "forbid", "audit.k8s.io/truncated": "true"},
}


Items = list[dict[str, Any]]


def recorded() -> list[Items]:
    """Give the items of each recorded batch of a steady load, as they were posted."""
    return [orjson.loads(gzip.decompress(path.read_bytes()))["items"] for path in RECORDED]


def commands() -> list[Items]:
    """Give what was posted while commands of many clients ran, whose bodies are larger, in its order, 500 to a batch.

    An apiserver under load fills its batches; these commands came one by one, so that few of theirs were full.
    """
    lines = lzma.decompress(COMMANDS.read_bytes()).splitlines()
    items = [item for line in lines for item in orjson.loads(line)["items"]]
    return [items[start:start + BATCH] for start in range(0, len(items) - BATCH + 1, BATCH)]


def mixed() -> list[Items]:
    """Give the recorded batches of both: after two of the steady load, one of commands."""
    load = cycle(recorded())
    return [batch for typed in commands() for batch in (next(load), next(load), typed)]


def batches(
    count: int, newest: datetime, span: timedelta, templates: Sequence[Items] | None = None
) -> Iterator[bytes]:
    """Give bodies of POSTs with ``count`` events in all, spread evenly over ``span`` until ``newest``.

    One event in 20,000 carries values that no other has, so that searches for rare values can be measured.
    """
    templates = templates or recorded()
    made = turn = 0
    while made < count:
        items = templates[turn % len(templates)][: count - made]
        step = span / count
        for number, item in enumerate(items):
            _renew(item, made + number, newest - span + (made + number) * step, turn // len(templates))
        body = [dict(item, **RARE) if (made + n) % RARE_EVERY == 777 else item for n, item in enumerate(items)]
        yield orjson.dumps({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": {}, "items": body})
        made += len(items)
        turn += 1


def _renew(item: dict[str, Any], number: int, moment: datetime, generation: int) -> None:
    stamp = moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    item["stageTimestamp"] = item["requestReceivedTimestamp"] = stamp
    item["auditID"] = f"{number:08x}-1111-4222-8333-{generation:012x}"
    target = item.get("objectRef")
    if target and target.get("name"):
        target["name"] = f"{target['name'].partition('--')[0]}--{generation}"
