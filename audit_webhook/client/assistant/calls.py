"""Answers the call of a tool; whatever goes wrong becomes an answer that says what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from audit_webhook.client.answers import Session
from audit_webhook.client.assistant.arguments import read_arguments
from audit_webhook.client.assistant.questions import TIMES
from audit_webhook.client.assistant.results import write_document, write_error
from audit_webhook.client.assistant.tools import TOOLS
from audit_webhook.client.errors import ClientError
from audit_webhook.client.targets import SeveralFound


class Reply(NamedTuple):
    """An answer as a JSON document, and whether the question could not be answered."""

    document: dict[str, Any]
    is_error: bool


def call(name: str, given: Mapping[str, object], session: Session) -> Reply:
    """Return what a tool answers."""
    tool = TOOLS.get(name)
    if tool is None:
        return Reply(write_error(name, f"there is no such tool; the tools are {', '.join(TOOLS)}"), True)
    try:
        return Reply(write_document(name, tool.run(read_arguments(tool.arguments, given), session)), False)
    except SeveralFound as error:
        choices = [each._asdict() for each in error.places]
        return Reply(write_error(name, "several objects have this name: give namespace or cluster", choices), True)
    except (KeyError, TypeError) as error:
        return Reply(write_error(name, f"the server's answer lacks {error}: is it of another version?"), True)
    except ClientError as error:
        hint = f"; times are {TIMES}" if "value of since" in str(error) or "value of until" in str(error) else ""
        return Reply(write_error(name, f"{error}{hint}"), True)
