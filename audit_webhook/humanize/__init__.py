"""Says in plain English what an event is, and how much it deserves to be noticed.

`sentences` writes an event as one sentence out of `actors`, `objects`, `phrases` and `subresources`; `attention`
decides how much it stands out and why, `badges` and `failures` name its outcome, `moments` writes times. Pure
functions; this room imports `events`.
"""

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
