"""Whom the record of what was read names: an assistant reads for somebody, and is told apart from them.

The header only says that an assistant asks; whose name is recorded follows from the token. So nobody can put another
reader's name there, and who hides or claims to be an assistant does so in their own name. An assistant on the server's
own machine reads for the account that runs it, which the process itself finds out.
"""

from __future__ import annotations

from typing import Final

from flask import request

from audit_webhook.storage.scope import Reader

PROGRAM_HEADER: Final = "Audit-Webhook-Client"
ASSISTANT: Final = "assistant"
LOCAL_ACCOUNT: Final = "audit_webhook.local_account"
"""The member of the WSGI environment that names the account of a local assistant; no header of a request becomes it."""


def recorded_reader(reader: Reader | None) -> Reader | None:
    """Return who sent this request, as the record says it; None for nobody known."""
    account = request.environ.get(LOCAL_ACCOUNT, "")
    if reader is None:
        return None
    if reader.way == "token" and request.headers.get(PROGRAM_HEADER) == ASSISTANT:
        return reader._replace(way="assistant")
    return reader._replace(name=account, way="local assistant") if reader.way == "open" and account else reader
