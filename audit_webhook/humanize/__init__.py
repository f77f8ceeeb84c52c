"""Says in plain English what an event is, and how much it deserves to be noticed."""

from audit_webhook.humanize.attention import Badge, Outcome, badge, emphasis, outcome, why
from audit_webhook.humanize.sentences import sentence, summary
from audit_webhook.humanize.text import Part

__all__ = ["Badge", "Outcome", "Part", "badge", "emphasis", "outcome", "sentence", "summary", "why"]
