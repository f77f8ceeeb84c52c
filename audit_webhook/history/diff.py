"""Compares two states of a manifest and writes what differs as YAML, under the names that lead to it.

Whatever is the same is left out, however long it is: the lines above a difference say where it lies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final, Literal, NamedTuple

from audit_webhook.history.lists import pairs, telling_key
from audit_webhook.history.manifest import Line, write, write_item, write_key, write_member, write_scalar

Sign = Literal[" ", "+", "-"]
MOST_LINES: Final = 10_000
# Annotations that repeat the manifest, or count its changes.
_RECORDS: Final = (
    "kubectl.kubernetes.io/last-applied-configuration",
    "deployment.kubernetes.io/revision",
    "deprecated.daemonset.template.generation",
)
_COUNTERS: Final = ("managedFields", "resourceVersion", "generation", "selfLink")


class DiffLine(NamedTuple):
    """A line that was added, removed, or leads to such lines."""

    sign: Sign
    text: str


class Difference(NamedTuple):
    """What differs in what people set, and in what Kubernetes itself keeps: status and records of who applied what.

    `is_cut` tells that there are more lines than the first `MOST_LINES` of each.
    """

    essence: tuple[DiffLine, ...]
    noise: tuple[DiffLine, ...]
    is_cut: bool = False

    @property
    def counts(self) -> tuple[int, int]:
        """How many lines of the essence were added, and how many removed."""
        return (
            sum(line.sign == "+" for line in self.essence),
            sum(line.sign == "-" for line in self.essence),
        )


def compare(old: object, new: object) -> Difference:
    """Give what differs between two states; None stands for no object at all."""
    before, noise_before = part(old)
    after, noise_after = part(new)
    essence, noise = _differ(before, after, ""), _differ(noise_before, noise_after, "")
    found = tuple(islice(essence, MOST_LINES)), tuple(islice(noise, MOST_LINES))
    return Difference(*found, is_cut=next(essence, None) is not None or next(noise, None) is not None)


def part(value: object) -> tuple[object, object]:
    """Give a manifest without its noise, and the noise: the status, and annotations that are records of changes.

    Fields that change with every write and mean nothing to people, managedFields among them, are in neither.
    """
    if not isinstance(value, dict):
        return ({} if value is None else value), {}
    essence = {key: each for key, each in value.items() if key != "status"}
    noise: dict[str, object] = {"status": value["status"]} if value.get("status") else {}
    metadata = essence.get("metadata")
    if isinstance(metadata, dict):
        kept = {key: each for key, each in metadata.items() if key not in _COUNTERS}
        essence["metadata"] = kept
        annotations = kept.get("annotations")
        annotations = annotations if isinstance(annotations, dict) else {}
        if records := {key: annotations[key] for key in _RECORDS if key in annotations}:
            noise["metadata"] = {"annotations": records}
            rest = {key: each for key, each in annotations.items() if key not in records}
            others = {key: each for key, each in kept.items() if key != "annotations"}
            essence["metadata"] = {**others, "annotations": rest} if rest else others
    return essence, noise


def _differ(old: object, new: object, indent: str) -> Iterator[DiffLine]:
    if type(old) is type(new) and old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _differ_members(old, new, indent)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _differ_items(old, new, indent)
    else:
        yield from _signed("-", write(old, indent=indent))
        yield from _signed("+", write(new, indent=indent))


def _differ_members(old: Mapping[str, object], new: Mapping[str, object], indent: str) -> Iterator[DiffLine]:
    for key in (*old, *(key for key in new if key not in old)):
        if key not in new:
            yield from _signed("-", write_member(key, old[key], indent=indent))
        elif key not in old:
            yield from _signed("+", write_member(key, new[key], indent=indent))
        else:
            yield from _differ_member(key, old[key], new[key], indent)


def _differ_member(key: str, old: object, new: object, indent: str) -> Iterator[DiffLine]:
    if type(old) is type(new) and old == new:
        return
    if old and new and type(old) is type(new) and isinstance(old, dict | list):
        yield DiffLine(" ", f"{indent}{write_key(key)}:")
        yield from _differ(old, new, indent + "  " if isinstance(old, dict) else indent)
    else:
        yield from _signed("-", write_member(key, old, indent=indent))
        yield from _signed("+", write_member(key, new, indent=indent))


def _differ_items(old: list[object], new: list[object], indent: str) -> Iterator[DiffLine]:
    key = telling_key(old, new)
    for before, after in pairs(old, new):
        if after is None and before is not None:
            yield from _signed("-", write_item(old[before], indent=indent))
        elif before is None and after is not None:
            yield from _signed("+", write_item(new[after], indent=indent))
        elif before is not None and after is not None:
            yield from _differ_item(key, old[before], new[after], after, indent)


def _differ_item(key: str, old: object, new: object, position: int, indent: str) -> Iterator[DiffLine]:
    if type(old) is type(new) and old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        name = f"{write_key(key)}: {write_scalar(new[key])}" if key else f"# item {position + 1}"
        yield DiffLine(" ", f"{indent}- {name}")
        yield from _differ_members(old, new, indent + "  ")
    else:
        yield from _signed("-", write_item(old, indent=indent))
        yield from _signed("+", write_item(new, indent=indent))


def _signed(sign: Sign, lines: Iterator[Line]) -> Iterator[DiffLine]:
    return (DiffLine(sign, line.text) for line in lines)
