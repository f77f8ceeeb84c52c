"""The taints of nodes, which a patch of ``kubectl taint`` sets as a whole: what was there before tells the change."""

from __future__ import annotations

from audit_webhook.kubectl.request import Request
from audit_webhook.kubectl.run import Run
from audit_webhook.kubectl.values import entries, part, text

Taints = dict[tuple[str, str], str]
"""Values by key and effect."""


def taint_word(taint: tuple[tuple[str, str], str]) -> str:
    """Return a taint as kubectl takes it: ``key=value:effect``."""
    (key, effect), value = taint
    return f"{key}={value}:{effect}" if value else f"{key}:{effect}"


def taints_of(value: object) -> Taints:
    """Return the taints of a list by key and effect."""
    return {(text(each, "key"), text(each, "effect")): text(each, "value") for each in entries(value)}


def taints_before(run: Run, deed: Request) -> Taints | None:
    """Return the taints of a node by key and effect as kubectl read them before a write; None when not recorded."""
    read = run.look_at(deed.thing)
    if read is not None and isinstance(read.response, dict):
        return taints_of(part(read.response, "spec", "taints"))
    for listing in run.lists("nodes"):
        for item in entries(listing.response, "items"):
            if text(item, "metadata", "name") == deed.event.name:
                return taints_of(part(item, "spec", "taints"))
    return None
