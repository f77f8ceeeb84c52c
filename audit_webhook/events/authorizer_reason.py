"""Reads the authorizer's reason: which binding and which role let somebody do something.

The texts are those of kubernetes (plugin/pkg/auth/authorizer/rbac/rbac.go, pkg/registry/rbac/validation/rule.go and
plugin/pkg/auth/authorizer/node/node_authorizer.go) and of the clouds' authorizers: EKS access policies, which use the
words of RBAC, Azure RBAC (kubeguard.dev/guard authz/providers/azure/rbac) and the IAM of GKE.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final, NamedTuple

_QUOTED: Final = r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"'
_RBAC: Final = re.compile(
    rf"RBAC: allowed by (ClusterRoleBinding|RoleBinding) {_QUOTED} of (ClusterRole|Role) {_QUOTED}"
    rf"(?: to (User|Group|ServiceAccount) {_QUOTED})?"
)
_EKS: Final = re.compile(r"EKS Access Policy: ", re.IGNORECASE)
_EKS_POLICY: Final = re.compile(r"arn:aws[\w-]*:eks::aws:cluster-access-policy/([\w-]+)(?:/(.*))?", re.DOTALL)
_AZURE: Final = re.compile(
    r"Access allowed by Azure RBAC(?: Role Assignment (\S{1,512}) of Role (\S{1,512}) to user(?: (\S{1,512}))?)?\.?"
)
_GKE: Final = re.compile(r"access granted by IAM permissions?\.?", re.IGNORECASE)
_GKE_LACKS: Final = re.compile(r'requires one of \[([^\[\]]{1,2000}+)\] permission\(s\)\.?\Z')
_MISSING_ROLE: Final = re.compile(rf"RBAC: (clusterrole|role)\.rbac\.authorization\.k8s\.io {_QUOTED} not found")
_ESCAPE: Final = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))", re.DOTALL)
_CONTROLS: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_WORDS: Final = {
    "ClusterRoleBinding": "cluster role binding",
    "RoleBinding": "role binding",
    "ClusterRole": "cluster role",
    "Role": "role",
    "User": "user",
    "Group": "group",
    "ServiceAccount": "service account",
    "clusterrole": "cluster role",
    "role": "role",
}
# Azure's built-in roles for what is inside of a cluster, by the ends of their ids
# (learn.microsoft.com/azure/role-based-access-control/built-in-roles/containers).
AZURE_ROLES: Final = {
    "b1ff04bb8a4e4dc48eb58693973ce19b": "Azure Kubernetes Service RBAC Cluster Admin",
    "3498e952d568435e9b2c8d77e338d7f7": "Azure Kubernetes Service RBAC Admin",
    "a7ffa36f339b4b5c8bdfe2c188b2c0eb": "Azure Kubernetes Service RBAC Writer",
    "7f6c6a51bcf842ba922052d62157d7db": "Azure Kubernetes Service RBAC Reader",
    "8393591c06b948a2a5421bd6b377f6a2": "Azure Arc Kubernetes Cluster Admin",
    "dffb1e0c446f4ddea09f99eb5cc68b96": "Azure Arc Kubernetes Admin",
    "5b9991779696454585c750de3797e5a1": "Azure Arc Kubernetes Writer",
    "63f0a09d14954db4a681037d84835eb4": "Azure Arc Kubernetes Viewer",
}
EKS_POLICY: Final = "EKS access policy"
AZURE_ROLE: Final = "Azure role"
GKE_IAM: Final = "GKE IAM"

MASTERS: Final = "Members of system:masters may do everything: no rule was asked."
NODES: Final = "Most likely the node authorizer, which lets a node have what its pods need and gives no reason."
NO_REASON: Final = (
    "Allowed without a reason: so are members of system:masters, nodes at their own work, and whatever another"
    " authorizer than RBAC lets pass."
)
NO_RULE: Final = "No rule allowed it."


class Permission(NamedTuple):
    """Why a request was allowed or refused, in words; the parts are empty where no rule is named.

    A policy or role of a cloud stands as binding and role at once: its `binding_kind` is `EKS_POLICY`, `AZURE_ROLE` or
    `GKE_IAM`.
    """

    text: str
    binding_kind: str = ""
    binding: str = ""
    binding_namespace: str = ""
    role_kind: str = ""
    role: str = ""
    subject_kind: str = ""
    subject: str = ""
    subject_namespace: str = ""


def parse_reason(decision: str, reason: str, groups: Collection[str] = ()) -> Permission | None:
    """Give what the annotations decision and reason say; None when the event has neither.

    The groups are those of the user whose rights were asked for: with impersonation these are not in `Event`.
    """
    if match := _RBAC.fullmatch(reason):
        return _by_rbac(*(_unquote(group or "") for group in match.groups()))
    if found := _by_cloud(decision, reason):
        return found
    if match := _MISSING_ROLE.fullmatch(reason):
        role = f"{_WORDS[match[1]]} {_unquote(match[2])}"
        return Permission(f"No rule allowed it. A binding names {role}, which does not exist.")
    if reason:
        return Permission(reason)
    if decision == "allow":
        return Permission(_unexplained(groups))
    return Permission(NO_RULE) if decision else None


def _unexplained(groups: Collection[str]) -> str:
    if "system:masters" in groups:
        return MASTERS
    return NODES if "system:nodes" in groups else NO_REASON


def _by_rbac(
    binding_kind: str, binding: str, role_kind: str, role: str, subject_kind: str, subject: str
) -> Permission:
    """Take apart what RBAC wrote: a binding in a namespace and a service account are ``name/namespace`` there."""
    place = account_place = ""
    if binding_kind == "RoleBinding":
        binding, _, place = binding.rpartition("/") if "/" in binding else (binding, "", "")
    if subject_kind == "ServiceAccount" and "/" in subject:
        subject, _, account_place = subject.rpartition("/")
    where = f" in {place}" if place else ""
    whom = f" to {_WORDS[subject_kind]} {subject}" if subject_kind else ""
    of = f" in {account_place}" if account_place else ""
    text = f"{_WORDS[binding_kind].capitalize()} {binding}{where} gives {_WORDS[role_kind]} {role}{whom}{of}."
    return Permission(text, binding_kind, binding, place, role_kind, role, subject_kind, subject, account_place)


def _by_cloud(decision: str, reason: str) -> Permission | None:
    """Return what another authorizer than RBAC says in words of its own; None when it is none that is known."""
    if prefix := _EKS.match(reason):
        match = _RBAC.fullmatch("RBAC: " + reason[prefix.end():])
        return _by_eks_policy(*(_unquote(group or "") for group in match.groups())) if match else None
    if match := _AZURE.fullmatch(reason):
        return _by_azure_role(match[1] or "", match[2] or "", match[3] or "")
    if _GKE.fullmatch(reason):
        return Permission("Granted by IAM permissions of Google Cloud.", GKE_IAM, "IAM", role_kind=GKE_IAM, role="IAM")
    if decision != "allow" and (lacking := _GKE_LACKS.search(reason)):
        wanted = ", ".join(part.strip(' "') for part in lacking[1].split(","))
        return Permission(f"{NO_RULE} IAM of Google Cloud would have to grant one of: {wanted}.")
    return None


def _by_eks_policy(
    binding_kind: str, binding: str, role_kind: str, role: str, subject_kind: str, subject: str
) -> Permission:
    """Take apart how EKS writes an access entry: a binding ``principal+policy`` of a role that is the policy."""
    principal, _, name = binding.rpartition("+")
    found, of_role = _EKS_POLICY.fullmatch(name), _EKS_POLICY.fullmatch(role)
    policy = of_role[1] if of_role else role
    place = found[2] or "" if found else ""
    where = f" in {place}" if place else ""
    to = principal or subject
    text = f"{EKS_POLICY} {policy} of {to} allows it{where}." if to else f"{EKS_POLICY} {policy} allows it{where}."
    return Permission(text, EKS_POLICY, policy, place, EKS_POLICY, policy, subject_kind, subject)


def _by_azure_role(assignment: str, role: str, user: str) -> Permission:
    """Take apart what Azure RBAC writes: ids of an assignment and of a role, as GUIDs or paths that end with one."""
    last = role.rpartition("/")[2]
    name = AZURE_ROLES.get(last.replace("-", "").lower(), last) or "Azure RBAC"
    of = f" by role assignment {assignment.rpartition('/')[2]}" if assignment else ""
    text = f"{AZURE_ROLE} {name} allows it{of}." if role else "Azure RBAC allows it."
    return Permission(text, AZURE_ROLE, name, "", AZURE_ROLE, name, "User" if user else "", user)


def _unquote(text: str) -> str:
    """Undo the quoting of Go's %q."""
    return _ESCAPE.sub(_unescape, text) if "\\" in text else text


def _unescape(match: re.Match[str]) -> str:
    digits = match[1] or match[2] or match[3]
    if not digits:
        return _CONTROLS.get(match[4], match[4])
    number = int(digits, 16)
    return chr(number) if number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF else match[0]
