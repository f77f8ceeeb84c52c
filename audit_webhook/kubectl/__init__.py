"""Tells from audit events which kubectl command a person typed, or could have typed."""

from audit_webhook.kubectl.card import Card, tell
from audit_webhook.kubectl.grouping import Grouping, cards_of
from audit_webhook.kubectl.request import Request, read_request, request_of
from audit_webhook.kubectl.run import Run
from audit_webhook.kubectl.sentences import parts_of, sentence_of

__all__ = [
    "Card", "Grouping", "Request", "Run", "cards_of", "parts_of", "read_request", "request_of", "sentence_of", "tell",
]
