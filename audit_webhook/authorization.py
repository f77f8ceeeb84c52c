"""Reads the authorizer's reason: which binding and which role let somebody do something.

The texts are those of kubernetes: plugin/pkg/auth/authorizer/rbac/rbac.go, pkg/registry/rbac/validation/rule.go and
plugin/pkg/auth/authorizer/node/node_authorizer.go.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final, NamedTuple

_QUOTED: Final = r'"((?:[^"\\]|\\.)*)"'
_RBAC: Final = re.compile(
    rf"RBAC: allowed by (ClusterRoleBinding|RoleBinding) {_QUOTED} of (ClusterRole|Role) {_QUOTED}"
    rf"(?: to (User|Group|ServiceAccount) {_QUOTED})?"
)
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

MASTERS: Final = "Members of system:masters may do everything: no rule was asked."
NODES: Final = "Most likely the node authorizer, which lets a node have what its pods need and gives no reason."
NO_REASON: Final = (
    "Allowed without a reason: so are members of system:masters, nodes at their own work, and whatever another"
    " authorizer than RBAC lets pass."
)
NO_RULE: Final = "No rule allowed it."


class Permission(NamedTuple):
    """Why a request was allowed or refused, in words; the parts are empty unless RBAC allowed it."""

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


def _unquote(text: str) -> str:
    """Undo the quoting of Go's %q."""
    return _ESCAPE.sub(_unescape, text) if "\\" in text else text


def _unescape(match: re.Match[str]) -> str:
    digits = match[1] or match[2] or match[3]
    if not digits:
        return _CONTROLS.get(match[4], match[4])
    number = int(digits, 16)
    return chr(number) if number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF else match[0]
