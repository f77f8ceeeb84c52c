"""What a server is told to do with secrets beyond what is built in: marks instead of masks, and further paths."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from audit_webhook.marks import Mark, make_mark
from audit_webhook.redaction_rules import Rule, RuleBook


class Redaction(NamedTuple):
    """The keyed mark in the place of secrets, and the rules for further ones; None of either when it is not set."""

    mark: Mark | None = None
    rules: RuleBook | None = None


BUILT_IN: Final = Redaction()


def make_redaction(key: str, rules: Iterable[Rule] = ()) -> Redaction:
    """Put together what was set; an empty key and no rules are what is built in."""
    chosen = tuple(rules)
    return Redaction(make_mark(key), RuleBook(chosen) if chosen else None)
