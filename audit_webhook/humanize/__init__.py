"""Says in plain English what an event is, and how much it deserves to be noticed."""

from audit_webhook.humanize.attention import Emphasis, emphasis, why
from audit_webhook.humanize.badges import Badge, Outcome, badge, outcome
from audit_webhook.humanize.phrases import phrase_of
from audit_webhook.humanize.sentences import sentence, summary
from audit_webhook.humanize.sessions import Phrase
from audit_webhook.humanize.text import Part

__all__ = [
    "Badge", "Emphasis", "Outcome", "Part", "Phrase", "badge", "emphasis", "outcome", "phrase_of", "sentence",
    "summary", "why",
]
