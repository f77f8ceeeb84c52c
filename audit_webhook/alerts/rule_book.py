"""Finds the rules that an event matches, looking only at those that its verb, resource and caller leave possible.

Most of what decides is the same for all events of one caller, action and namespace: `candidates` is asked once for
these, and only events with candidates are read at all. A rule of any verb and resource is found by bytes that a match
holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from audit_webhook.alerts.rule import Rule, Severity, lowered
from audit_webhook.alerts.windows import Windows
from audit_webhook.events.event import Event
from audit_webhook.query import And, Node, Predicate, compile_predicate, needles
from audit_webhook.query.syntax import Equals, Or
from audit_webhook.search.histogram.aggregate import split_conditions

NO_JSON: Final = b""
_DENIED: Final = frozenset({401, 403})


class Hit(NamedTuple):
    """An event that a rule fired on; ``request`` is the same for all stages of one request."""

    rule: Rule
    event: Event
    severity: Severity
    request: bytes
    is_denied: bool
    sinks: tuple[str, ...] = ()
    """The sinks that are to be told of it."""


class Candidate(NamedTuple):
    """A rule that an event may match, and whether it would begin a sequence."""

    rule: Rule
    is_first: bool
    rest: Predicate
    """Whether the event matches, where what its caller, action and namespace tell is known to hold."""


class _Entry(NamedTuple):
    """One query of a rule: what decides from caller, action and namespace, and what decides the rest."""

    rule: Rule
    is_first: bool
    verbs: frozenset[str] | None
    may_match: Predicate
    rest: Predicate


class RuleBook:
    """Rules that are on, found by resource and verb."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        """Compile the rules."""
        self.rules: Final = tuple(rules)
        self._anywhere: list[_Entry] = []
        self._searched: list[tuple[_Entry, tuple[bytes, ...]]] = []
        self._by_resource: dict[str, list[_Entry]] = {}
        for rule in self.rules:
            self._add(rule, rule.node, is_first=False)
            if rule.first is not None:
                self._add(rule, rule.first, is_first=True)

    def _add(self, rule: Rule, node: Node, is_first: bool) -> None:
        tallied, rest = split_conditions(_flat(node))
        verbs, resources = required(node, "verb"), required(node, "resource")
        entry = _Entry(rule, is_first, verbs, compile_predicate(tallied), compile_predicate(rest))
        if verbs is None and resources is None and (wanted := needles(rest)):
            self._searched.append((entry, wanted))
            return
        for resource in resources or ():
            self._by_resource.setdefault(resource, []).append(entry)
        if resources is None:
            self._anywhere.append(entry)

    @property
    def needles(self) -> tuple[bytes, ...]:
        """Bytes of which every event holds one that a rule without verb and resource can match, see `searched`."""
        return tuple(dict.fromkeys(each for _, wanted in self._searched for each in wanted))

    def candidates(self, event: Event) -> tuple[Candidate, ...]:
        """Return the rules that an event may match, as its caller, action and namespace tell."""
        if event.stage == "RequestReceived":
            return ()
        entries = (*self._by_resource.get(event.resource, ()), *self._anywhere)
        return tuple(Candidate(each.rule, each.is_first, each.rest) for each in entries if _is_possible(each, event))

    def searched(self, event: Event, raw: bytes) -> tuple[Candidate, ...]:
        """Return the rules of any verb and resource that an event may match, as its bytes tell."""
        if event.stage == "RequestReceived":
            return ()
        return tuple(
            Candidate(each.rule, each.is_first, each.rest) for each, wanted in self._searched
            if any(needle in raw for needle in wanted) and _is_possible(each, event)
        )

    @staticmethod
    def hits(event: Event, raw: bytes, candidates: Sequence[Candidate], windows: Windows) -> Iterator[Hit]:
        """Yield what the candidates that match an event make of it; ``windows`` remembers it."""
        matching = [each for each in candidates if each.rest(event, raw)] if not event.dry_run else []
        request = request_key(event) if matching else b""
        for rule, is_first, _ in matching:
            if not windows.fires(rule, event, request, is_first):
                continue
            severity = lowered(rule.severity) if is_denied(event) and rule.denied == "lower" else rule.severity
            yield Hit(rule, event, severity, request, is_denied(event))


def is_denied(event: Event) -> bool:
    """Return whether a request was denied."""
    return event.decision == "forbid" or event.code in _DENIED


def _is_possible(entry: _Entry, event: Event) -> bool:
    is_verb = entry.verbs is None or event.verb in entry.verbs
    return is_verb and _counts(entry, event) and entry.may_match(event, NO_JSON)


def _counts(entry: _Entry, event: Event) -> bool:
    """Return whether a rule looks at an event with this outcome; only what was done begins a sequence."""
    if is_denied(event):
        return entry.rule.denied != "skip" and not entry.is_first
    return (event.code or 0) < 400 or entry.rule.failed


def request_key(event: Event) -> bytes:
    """Return a key of an event's request: auditIDs are chosen by clients, so that one alone tells nothing apart."""
    digest = hashlib.blake2b(digest_size=16)
    parts = (
        event.cluster, event.audit_id or event.id, str(event.requested), event.user, event.verb, event.request_uri
    )
    for text in parts:
        encoded = text.encode("utf-8", "replace")
        digest.update(b"%d:%s" % (len(encoded), encoded))
    return digest.digest()


def _flat(node: Node) -> Node:
    """Return the same tree with every condition that all matches fulfil at its top."""
    if not isinstance(node, And):
        return node
    inner = [_flat(child) for child in node.children]
    return And(tuple(leaf for each in inner for leaf in (each.children if isinstance(each, And) else (each,))))


def required(node: Node, field: str) -> frozenset[str] | None:
    """Return the values of a field of which every match has one; None when it may be any."""
    match node:
        case Equals(name, value) if name == field:
            return frozenset({value})
        case And(children):
            found = [values for child in children if (values := required(child, field)) is not None]
            return frozenset.intersection(*found) if found else None
        case Or(children):
            every = [required(child, field) for child in children]
            known = [values for values in every if values is not None]
            return frozenset().union(*known) if known and len(known) == len(every) else None
        case _:
            return None
