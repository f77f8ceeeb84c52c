"""One English sentence for a card."""

from __future__ import annotations

from audit_webhook.humanize import summary
from audit_webhook.kubectl.card import Card


def sentence_of(card: Card) -> str:
    """Give the sentence."""
    return summary(card.main)
