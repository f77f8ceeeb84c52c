"""What a person could have typed for a request that another program sent, one request at a time."""

from __future__ import annotations

from typing import Final

from audit_webhook.kubectl.applying import from_file
from audit_webhook.kubectl.changing import tell_patch
from audit_webhook.kubectl.line import Line
from audit_webhook.kubectl.raw import tell_raw
from audit_webhook.kubectl.run import Run

_FROM_FILE: Final = {"create": "create", "update": "replace"}
_WRITABLE: Final = frozenset({"status", "scale", "resize"})


def equivalent(run: Run) -> Line | None:
    """Give a command with the same effect as the run's telling request; None when there is none."""
    first = run.main
    event = first.event
    if not event.resource:
        return tell_raw(run)
    if event.verb == "patch" and event.subresource in (*_WRITABLE, ""):
        return tell_patch(run)
    if event.verb == "update" and event.subresource in _WRITABLE:
        return from_file(Line("replace"), run)
    if event.verb in _FROM_FILE and not event.subresource:
        return from_file(Line(_FROM_FILE[event.verb]), run)
    return tell_raw(run)
