"""Which pages count or list beyond what a limited reader may see, and are therefore refused, whatever is stored."""

from __future__ import annotations

from typing import Final

from audit_webhook.storage.scope import Scope

WHOLE_CLUSTERS: Final = frozenset({
    "api.get_actors", "api.get_actor", "api.get_needs", "api.get_permissions", "clusters.show_clusters",
    "clusters.show_cluster", "explore.show_actors",
    "explore.show_actor", "explore.show_permissions", "explore.show_needs", "explore.download_needs",
    "setup.show_setup", "setup.show_status", "setup.download",
})
"""What counts or lists over whole clusters: refused to readers who are limited to namespaces, whatever is stored."""
EVERYTHING: Final = frozenset({"api_evidence.get_evidence", "evidence.show_evidence", "evidence.download_proof"})
"""What tells how much all clusters send: the chains of seals are those of all of them."""


def beyond_scope(endpoint: str, scope: Scope) -> str:
    """Return why a page is not for a limited reader; empty when it is. It never depends on what is stored."""
    if endpoint in WHOLE_CLUSTERS and scope.namespaces is not None:
        return f"This page needs the whole cluster; your access is limited to the namespaces {_list(scope.namespaces)}."
    if endpoint in EVERYTHING and scope.clusters is not None:
        return f"This page needs all clusters; your access is limited to the clusters {_list(scope.clusters)}."
    if endpoint in EVERYTHING and scope.namespaces is not None:
        return f"This page needs all namespaces; your access is limited to the namespaces {_list(scope.namespaces)}."
    return ""


def _list(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "none"
