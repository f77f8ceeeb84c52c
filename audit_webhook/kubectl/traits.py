"""What a single write tells of the kind of command that sent it: how it names its objects, and what it reads before."""

from __future__ import annotations

from typing import Final

from audit_webhook.kubectl.request import Request

FILES: Final = frozenset({"kubectl-client-side-apply", "kubectl-create", "kubectl-replace"})
_GATHERING: Final = frozenset({"kubectl-set", "kubectl-rollout", "kubectl-edit"})


def gathers(deed: Request) -> bool:
    """Whether a write is of a command that reads all of its objects before it changes the first (resource.Builder)."""
    if deed.manager in _GATHERING:
        return True
    return not deed.manager and (deed.event.subresource == "scale" or deed.event.resource == "nodes")


def is_made_by_flags(request: Request) -> bool:
    """Whether an object names no namespace, which kubectl writes into everything that it reads from files."""
    if request.event.verb != "create" or not request.has_body or not request.event.namespace:
        return False
    metadata = request.body.get("metadata") if isinstance(request.body, dict) else None
    return isinstance(metadata, dict) and not metadata.get("namespace")


def from_files(deed: Request) -> bool:
    """Whether a write is of a command that takes objects from files, which may be in several namespaces."""
    if deed.event.verb not in ("create", "patch", "update"):
        return False
    is_checked = "fieldValidation" in deed.parameters and deed.manager not in ("kubectl-edit", "kubectl-taint")
    return deed.manager in FILES or is_checked or "force" in deed.parameters or deed.manager == "kubectl-last-applied"
