"""Which items of two arrays are the same thing: by the field that Kubernetes tells them apart by, or by being equal.

The merge keys are those of the API's types (``patchMergeKey`` in k8s.io/api); a strategic merge patch needs them, and a
comparison that knows them can say what changed within an item.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from typing import Final

import orjson

MERGE_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "conditions": ("type",),
    "containers": ("name",),
    "devices": ("name",),
    "drivers": ("name",),
    "env": ("name",),
    "ephemeralContainers": ("name",),
    "addresses": ("type",),
    "hostAliases": ("ip",),
    "imagePullSecrets": ("name",),
    "initContainers": ("name",),
    "matchConditions": ("name",),
    "ownerReferences": ("uid",),
    "podIPs": ("ip",),
    "ports": ("containerPort", "port"),
    "resourceClaims": ("name",),
    "schedulingGates": ("name",),
    "secrets": ("name",),
    "taints": ("key",),
    "topologySpreadConstraints": ("topologyKey",),
    "volumeDevices": ("devicePath",),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
    "webhooks": ("name",),
}
SETS: Final = frozenset({"finalizers", "podCIDRs"})
_LIKELY: Final = ("name", "uid", "type", "key", "containerPort", "port", "mountPath", "ip")


def merge_key(field: str, items: list[object]) -> str:
    """Give the key by which a strategic merge patch tells the items of a field apart; empty when it replaces them."""
    for key in MERGE_KEYS.get(field, ()):
        if items and all(isinstance(item, dict) and (key in item or "$patch" in item) for item in items):
            return key
    return ""


def telling_key(*lists: list[object]) -> str:
    """Give a key that every item of the arrays has and that no two items of one array share; empty without one."""
    for key in _LIKELY:
        if all(_values(key, items) is not None for items in lists):
            return key
    return ""


def _values(key: str, items: list[object]) -> list[str] | None:
    """Give each item's value of a key, as text; None when they do not tell the items apart."""
    values = []
    for item in items:
        value = item.get(key) if isinstance(item, dict) else None
        if not isinstance(value, str | int):
            return None
        values.append(str(value))
    return values if len(set(values)) == len(values) else None


def identity(value: object) -> object:
    """Return what stands for a value in a set or a table: itself, or what is in it as JSON."""
    if isinstance(value, dict | list):
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return value


def pairs(old: list[object], new: list[object]) -> Iterator[tuple[int | None, int | None]]:
    """Yield the positions of items that belong together, in the new order, removed ones where they stood.

    An item that only one array has is paired with None.
    """
    key = telling_key(old, new)
    if key:
        yield from _pairs_by_key(key, old, new)
        return
    before, after = 0, 0
    for before_kept, after_kept in [*_kept(old, new), (len(old), len(new))]:
        yield from _pairs_by_position(range(before, before_kept), range(after, after_kept))
        if before_kept < len(old):
            yield before_kept, after_kept
        before, after = before_kept + 1, after_kept + 1


def _kept(old: list[object], new: list[object]) -> list[tuple[int, int]]:
    """Return the positions of equal items in both arrays, as many as rise in both.

    The first of several equal items is taken for the first, the second for the second: so that the longest rising
    sequence of old positions, found in n log n steps, is the answer.
    """
    olds, news = _written(old), _written(new)
    most = min(len(olds), len(news))
    head = next((place for place in range(most) if olds[place] != news[place]), most)
    tail = next((place for place in range(most - head) if olds[-1 - place] != news[-1 - place]), most - head)
    places: dict[bytes, deque[int]] = {}
    for place in range(head, len(olds) - tail):
        places.setdefault(olds[place], deque()).append(place)
    matched = [
        (found.popleft(), place) for place in range(head, len(news) - tail) if (found := places.get(news[place]))
    ]
    ends = ((len(olds) - back, len(news) - back) for back in range(tail, 0, -1))
    return [*((place, place) for place in range(head)), *_rising(matched), *ends]


def _rising(matched: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the longest part of some pairs, in their order, whose first numbers rise."""
    lowest: list[int] = []
    last: list[int] = []
    before: list[int] = []
    for index, (place, _) in enumerate(matched):
        length = bisect_left(lowest, place)
        before.append(last[length - 1] if length else -1)
        lowest[length:length + 1] = [place]
        last[length:length + 1] = [index]
    chosen: list[tuple[int, int]] = []
    index = last[-1] if last else -1
    while index >= 0:
        chosen.append(matched[index])
        index = before[index]
    return chosen[::-1]


def _written(items: list[object]) -> list[bytes]:
    return [orjson.dumps(item, option=orjson.OPT_SORT_KEYS) for item in items]


def _pairs_by_position(old: range, new: range) -> Iterator[tuple[int | None, int | None]]:
    for offset in range(max(len(old), len(new))):
        yield (old[offset] if offset < len(old) else None, new[offset] if offset < len(new) else None)


def _pairs_by_key(key: str, old: list[object], new: list[object]) -> Iterator[tuple[int | None, int | None]]:
    before, after = _values(key, old) or [], _values(key, new) or []
    if before == after:
        yield from ((position, position) for position in range(len(new)))
        return
    places = {value: position for position, value in enumerate(before)}
    kept = set(after)
    yield from ((position, None) for position, value in enumerate(before) if value not in kept)
    yield from ((places.get(value), position) for position, value in enumerate(after))
