"""What a server is told to do with secrets beyond what is built in: marks instead of masks, and further paths."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final, NamedTuple

from audit_webhook.events.redaction.pseudonyms import Mark, make_mark
from audit_webhook.events.redaction.redact import DRAWN_KEY
from audit_webhook.events.redaction.rules import Rule, RuleBook


class Redaction(NamedTuple):
    """The mark in the place of secrets, the rules for further ones (None: not set), the key for withheld pieces."""

    mark: Mark | None = None
    rules: RuleBook | None = None
    withheld_key: bytes = DRAWN_KEY


BUILT_IN: Final = Redaction()


def make_redaction(key: str, rules: Iterable[Rule] = ()) -> Redaction:
    """Put together what was set; an empty key and no rules are what is built in."""
    chosen = tuple(rules)
    withheld_key = hashlib.sha256(b"audit-webhook withheld\0" + key.encode()).digest() if key else DRAWN_KEY
    return Redaction(make_mark(key), RuleBook(chosen) if chosen else None, withheld_key)
