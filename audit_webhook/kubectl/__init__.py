"""Tells from audit events which kubectl command a person typed, or could have typed."""

from audit_webhook.kubectl.card import Card, tell
from audit_webhook.kubectl.grouping import Grouping, cards_of
from audit_webhook.kubectl.request import Request, read_request, request_of
from audit_webhook.kubectl.run import Run

__all__ = ["Card", "Grouping", "Request", "Run", "cards_of", "read_request", "request_of", "tell"]
