"""Tells from audit events which kubectl command a person typed, or could have typed.

`request` reads what counts of an event, `grouping` joins the requests of one command, `run` and the families of
commands (`creating`, `applying`, `deleting` …) find the line, `doubts` says how sure it is, and `card` puts the answer
together. `registry` lists the families. Pure functions; this room imports `events` and `humanize`.
"""

from audit_webhook.kubectl.card import Card, tell
from audit_webhook.kubectl.grouping import Grouping, cards_of
from audit_webhook.kubectl.request import Request, read_request, request_of
from audit_webhook.kubectl.run import Run
from audit_webhook.kubectl.sentences import parts_of, sentence_of

__all__ = [
    "Card", "Grouping", "Request", "Run", "cards_of", "parts_of", "read_request", "request_of", "sentence_of", "tell",
]
