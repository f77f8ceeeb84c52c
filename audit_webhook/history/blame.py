"""Carries marks from one state of a manifest to the next: what stays keeps its number, what changes gets a new one."""

from __future__ import annotations

from audit_webhook.history.lists import pairs
from audit_webhook.history.manifest import Pseudonyms


def carry(marks: Pseudonyms, old: object, new: object, number: int) -> Pseudonyms:
    """Give the marks of the new value; a value that was not there before or differs is marked with the number."""
    if type(old) is type(new) and old == new:
        return marks
    if isinstance(old, dict) and isinstance(new, dict):
        inside = {
            key: carry(marks.below(key), old[key], each, number) if key in old else Pseudonyms(number)
            for key, each in new.items()
        }
        return Pseudonyms(marks.number, inside)
    if isinstance(old, list) and isinstance(new, list):
        return Pseudonyms(marks.number, _carry_items(marks, old, new, number))
    return Pseudonyms(number)


def _carry_items(marks: Pseudonyms, old: list[object], new: list[object], number: int) -> list[Pseudonyms]:
    inside = [Pseudonyms(number)] * len(new)
    for before, after in pairs(old, new):
        if before is not None and after is not None:
            inside[after] = carry(marks.below(before), old[before], new[after], number)
    return inside


def claim(marks: Pseudonyms, value: object, sent: object, number: int, doubtful: int) -> Pseudonyms:
    """Mark with the number what a request sent and the value now holds, where the mark was only a doubtful one.

    What was sent is a manifest or a merge patch. A plain value counts when it now is what was sent.
    """
    if isinstance(value, dict) and isinstance(sent, dict):
        inside = {
            key: claim(marks.below(key), each, sent[key], number, doubtful) if key in sent else marks.below(key)
            for key, each in value.items()
        }
        return Pseudonyms(marks.number, inside)
    if isinstance(value, list) and isinstance(sent, list):
        items = [marks.below(position) for position in range(len(value))]
        for before, after in pairs(sent, value):
            if before is not None and after is not None:
                items[after] = claim(items[after], value[after], sent[before], number, doubtful)
        return Pseudonyms(marks.number, items)
    is_sent = type(value) is type(sent) and value == sent and marks.number == doubtful
    return Pseudonyms(number) if is_sent else marks
