"""Sentences for logins at OpenShift's oauth-server, which writes them into annotations of requests without a user.

The name of a login that was allowed is one that the server has authenticated; of any other it is what somebody typed
(github.com/openshift/oauth-server, pkg/audit).
"""

from __future__ import annotations

from typing import Final

from audit_webhook.events.event import Event
from audit_webhook.humanize.actors import actor_parts
from audit_webhook.humanize.text import Part, visible_name

_ENDINGS: Final = {"allow": "", "deny": ": denied", "error": ": the login failed with an error"}


def login_parts(event: Event) -> tuple[Part, ...] | None:
    """Return the sentence for a login; None for an event that is none."""
    ending = _ENDINGS.get(event.login_decision)
    if ending is None or event.resource:
        return None
    name = Part(visible_name(event.login_user), "actor")
    if event.login_decision == "allow" and event.login_user:
        return name, Part(" logged in")
    claimed = (Part(" as "), name) if event.login_user else ()
    return (*actor_parts(event), Part(" tried to log in"), *claimed, Part(ending)) if ending else None
