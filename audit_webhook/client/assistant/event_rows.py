"""Events as rows of a tool's answer: what is asked of them most, without what is empty."""

from __future__ import annotations

from typing import Any, Final

from audit_webhook.client.connection import Document

CERTAINTIES: Final = {
    "exact": "exact: this was typed",
    "likely": "likely: another command may have sent the same requests",
    "equivalent": "equivalent: not typed; another program did what this command would do",
}
_SAME_NAMES: Final = (
    "verb", "group", "resource", "subresource", "namespace", "name", "code", "source_ip", "claimed_ips", "user_agent",
    "impersonated_user", "session",
)


def row_of(event: Document) -> dict[str, Any]:
    """Return an event as a row: who acted first, who was signed in only where that is somebody else."""
    row: dict[str, Any] = {
        "id": event["id"], "time": event["time"], "cluster": event["cluster"],
        "effective_user": event["effective_user"] or event["user"] or "(not recorded)", "what": event["summary"],
        "outcome": outcome_of(event),
        **{name: event[name] for name in _SAME_NAMES if event[name] not in (None, "", [])},
    }
    if event["user"] and event["user"] != event["effective_user"]:
        row["signed_in_as"] = event["user"]
    if not event.get("time_recorded", True):
        row["time_is"] = "when the event was received: it says no time of its own"
    return row | command_of(event)


def command_of(event: Document) -> dict[str, str]:
    """Return the kubectl command of an event and how certain it is; nothing when there is none."""
    command = event["kubectl"]
    if not command or not command.get("command"):
        return {}
    return {"command": command["command"], "command_is": CERTAINTIES.get(command["confidence"], command["confidence"])}


def outcome_of(event: Document) -> str:
    """Return how a request ended: succeeded, denied, failed, or unanswered."""
    code = event["code"]
    if event["decision"] == "forbid" or code in (401, 403):
        return "denied"
    if code is None:
        return "unanswered or not recorded"
    return "failed" if code >= 400 else "succeeded"
