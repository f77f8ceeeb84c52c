"""Permissions as the store posts them: which binding and role let whom do something, in a text that sorts by them.

A posted value holds 255 bytes: the kinds are abbreviated, a role that is called like its binding is ``=``, and of what
is longer still the end is replaced by its hash, but for the caller, so that no two bindings have one text.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from audit_webhook.events.authorizer_reason import AZURE_ROLE, EKS_POLICY, GKE_IAM, parse_reason
from audit_webhook.events.limits import cut

MASTERS: Final = "system:masters"
_LONGEST: Final = 222
LONGEST_REMEMBERED: Final = 2048
_CALLER: Final = 32
_SHORT: Final = {
    "ClusterRoleBinding": "crb", "RoleBinding": "rb", "ClusterRole": "cr", "Role": "r", "Group": "group",
    EKS_POLICY: "eks", AZURE_ROLE: "azure", GKE_IAM: "gke",
}
_CLOUDS: Final = {
    EKS_POLICY: ("AmazonEKSClusterAdminPolicy",),
    AZURE_ROLE: ("Azure Kubernetes Service RBAC Cluster Admin", "Azure Arc Kubernetes Cluster Admin"),
    GKE_IAM: (),
}
"""Of each cloud, what its documentation says gives every right in the cluster."""
_LONG: Final = {short: kind for kind, short in _SHORT.items()}


class Binding(NamedTuple):
    """What let somebody do something: a binding of RBAC, a policy or role of a cloud, or a group that needs none."""

    cluster: str
    kind: str
    namespace: str
    name: str
    role_kind: str = ""
    role: str = ""
    is_cut: bool = False


def grant_of(cluster: str, reason: str, groups: tuple[str, ...], caller: bytes) -> str:
    """Give the posted text of one allowed request; empty when no rule that is known allowed it."""
    read = _known_binding if len(reason) <= LONGEST_REMEMBERED else _binding_text
    binding = read(cluster, reason) if reason else _unbound(cluster, groups)
    return f"{binding}\n{caller.hex()}" if binding else ""


def _binding_text(cluster: str, reason: str) -> str:
    found = parse_reason("allow", reason)
    if found is None or not found.binding:
        return ""
    role = "=" if found.role == found.binding else found.role
    parts = (
        cluster, _SHORT[found.binding_kind], found.binding_namespace, _SHORT[found.role_kind], role, found.binding,
    )
    return cut("/".join(part.replace("/", "\ufffd").replace("\n", "\ufffd") for part in parts), _LONGEST)


_known_binding: Final = lru_cache(maxsize=8192)(_binding_text)


def _unbound(cluster: str, groups: tuple[str, ...]) -> str:
    return f"{cluster}/group////{MASTERS}" if MASTERS in groups else ""


def gives_everything(binding: Binding) -> bool:
    """Return whether it lets its subjects do anything at all in the cluster."""
    if binding.kind == "group":
        return binding.name == MASTERS
    if binding.kind in _CLOUDS:
        return binding.name in _CLOUDS[binding.kind]
    return binding.role == "cluster-admin"


def read_grant(posted: str) -> tuple[Binding, bytes] | None:
    """Read a posted text as the binding and the id of the caller; None when it is none."""
    text, _, caller = posted.rpartition("\n")
    parts = [*text.split("/"), "", "", "", "", ""][:6]
    if len(caller) != _CALLER or not text:
        return None
    cluster, kind, namespace, role_kind, role, name = parts
    is_cut = len(text.encode()) == _LONGEST
    role = name if role == "=" else role
    try:
        key = bytes.fromhex(caller)
    except ValueError:
        return None
    return Binding(cluster, _LONG.get(kind, kind), namespace, name, _LONG.get(role_kind, role_kind), role, is_cut), key
