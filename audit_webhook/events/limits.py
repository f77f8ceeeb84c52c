"""Cuts an event's texts to the lengths that are kept beside its raw bytes, and replaces what is not Unicode."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import accumulate, repeat
from operator import attrgetter, lt
from typing import Any, Final

import msgspec

from audit_webhook.events.event import LIMITS, Event

_CUT_FIELDS: Final = tuple(name for name in LIMITS if name not in ("user_groups", "source_ip", "claimed_ips"))
_CUT_LIMITS: Final = tuple(LIMITS[name] for name in _CUT_FIELDS)
MOST_PLAIN: Final = 24
HASH_DIGITS: Final = 32
GROUP_MARK_LENGTH: Final = 17

_texts_of: Final = attrgetter(*_CUT_FIELDS)


def _limits(*names: str) -> tuple[int, ...]:
    return tuple(LIMITS[name] for name in names)


_OWN_LIMITS: Final = _limits("namespace", "name", "request_uri", "audit_id")
_SHORTEST_LIMIT: Final = min(_OWN_LIMITS)
_CALLER_LIMITS: Final = _limits(
    "user", "impersonated_user", "effective_user", "session", "user_agent", "client"
)
_ACTION_LIMITS: Final = _limits(
    "level", "stage", "verb", "decision", "api_group", "resource", "subresource", "manager"
)


def are_plain(
    namespaces: Sequence[str], names: Sequence[str], request_uris: Sequence[str], audit_ids: Sequence[str]
) -> bool:
    """Tell by a quick look at all events' own texts whether none needs a cut."""
    columns = (namespaces, names, request_uris, audit_ids)
    joined = "".join(map("".join, columns))
    return (
        joined.isascii()
        and "\0" not in joined
        and all(max(map(len, column), default=0) < limit for column, limit in zip(columns, _OWN_LIMITS, strict=True))
    )


def is_plain(namespace: str, name: str, request_uri: str, audit_id: str) -> bool:
    """Return whether none of one event's own texts needs a cut, as `are_plain` does for many."""
    joined = f"{namespace}{name}{request_uri}{audit_id}"
    if len(joined) < _SHORTEST_LIMIT:
        return joined.isascii() and "\0" not in joined
    return are_plain([namespace], [name], [request_uri], [audit_id])


def is_bounded_caller(
    user: str, groups: tuple[str, ...], impersonated: str, effective: str, session: str, source_ips: tuple[str, ...],
    agent: str, client: str,
) -> bool:
    """Whether nothing in who called need be cut."""
    return (
        _are_uncut((user, impersonated, effective, session, agent, client), _CALLER_LIMITS)
        and bounded_groups(groups) == groups
        and bounded_addresses(source_ips) == source_ips
    )


def is_bounded_action(*texts: str) -> bool:
    """Whether nothing in what was done need be cut: level, stage, verb, decision, group, resource, sub, manager."""
    return _are_uncut(texts, _ACTION_LIMITS)


def _are_uncut(texts: tuple[str, ...], limits: tuple[int, ...]) -> bool:
    return tuple(map(cut, texts, limits)) == texts


def bounded(event: Event) -> Event:
    """Cut what is longer than LIMITS and replace what is not Unicode; most events need neither and pass unchanged."""
    changes: dict[str, Any] = {}
    texts = _texts_of(event)
    if not _fits(texts, _CUT_LIMITS):
        short = map(cut, texts, _CUT_LIMITS)
        changes = {name: new for name, old, new in zip(_CUT_FIELDS, texts, short, strict=True) if new != old}
    if not _fits(event.user_groups, repeat(64)):
        groups = bounded_groups(event.user_groups)
        changes |= {"user_groups": groups} if groups != event.user_groups else {}
    if not _fits(event.source_ips, repeat(16)):
        addresses = bounded_addresses(event.source_ips)
        changes |= {"source_ips": addresses} if addresses != event.source_ips else {}
    return msgspec.structs.replace(event, **changes, cut=True) if changes else event


def _fits(texts: tuple[str, ...], limits: Iterable[int]) -> bool:
    """Whether plain and short texts make any closer look unnecessary."""
    joined = "".join(texts)
    return (
        joined.isascii()
        and "\0" not in joined
        and "\n" not in joined
        and len(texts) <= MOST_PLAIN
        and all(map(lt, map(len, texts), limits))
    )


def bounded_addresses(addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Keep the address that the apiserver saw, and of those that were claimed as many of the last as have room."""
    room = LIMITS["claimed_ips"] - 1
    kept: list[str] = []
    for address in reversed(addresses):
        clean = cut(address.replace("\n", " "), LIMITS["source_ip"])
        room -= len(clean.encode()) + 1 if kept else 0
        if room < 0:
            break
        kept.append(clean)
    return tuple(reversed(kept))


def bounded_groups(groups: tuple[str, ...]) -> tuple[str, ...]:
    """Return the groups within the limit: whole where all fit, else some whole and a mark for each further one.

    A search for a group looks for its mark too, so that a member of many groups is found by each of them. Whoever is in
    more groups than there is room for, at least 450, is found by those only.
    """
    clean = [cut(group.replace("\n", " "), 255) for group in groups]
    sizes = [len(group.encode()) + 1 for group in clean]
    if sum(sizes) <= LIMITS["user_groups"]:
        return tuple(clean)
    whole = bisect_right(list(accumulate(sizes)), LIMITS["user_groups"] // 2)
    marks = (LIMITS["user_groups"] - sum(sizes[:whole])) // (GROUP_MARK_LENGTH + 1)
    return tuple([*clean[:whole], *map(group_mark, clean[whole:whole + marks])])


def group_mark(group: str) -> str:
    """Return what stands for a group for which there is no room."""
    return "~" + sha256(group.encode()).hexdigest()[:GROUP_MARK_LENGTH - 1]


def cut(text: str, limit: int) -> str:
    """Return a text of less than ``limit`` bytes of UTF-8, or in the place of its end a hash of all of it.

    Two texts that differ only beyond the limit stay two: who may choose names could else hide behind a longer one. A
    cut text is exactly as long as the limit, so that no other text can be like it. Lone surrogates and NULs become
    U+FFFD.
    """
    if text.isascii() and len(text) < limit and "\0" not in text:
        return text
    clean = text.replace("\0", "\ufffd").encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    whole = clean.encode()
    if len(whole) < limit:
        return clean
    head = whole[:limit - HASH_DIGITS - 1].decode("utf-8", "ignore")
    filler = "~" * (limit - HASH_DIGITS - len(head.encode()))
    return head + filler + sha256(whole).hexdigest()[:HASH_DIGITS]
