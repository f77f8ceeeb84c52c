"""Reads the authorizer's reason: which binding and which role let somebody do something.

The texts are those of kubernetes: plugin/pkg/auth/authorizer/rbac/rbac.go and subject_locator.go.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_RBAC: Final = re.compile(
    r'RBAC: allowed by (ClusterRoleBinding|RoleBinding) "([^"]*)" of (ClusterRole|Role) "([^"]*)"'
    r'(?: to (User|Group|ServiceAccount) "([^"]*)")?'
)


class Permission(NamedTuple):
    """Why a request was allowed or refused; texts that do not apply are empty."""

    text: str
    binding_kind: str = ""
    binding: str = ""
    role_kind: str = ""
    role: str = ""
    subject_kind: str = ""
    subject: str = ""


def parse_reason(decision: str, reason: str) -> Permission | None:
    """Give what the annotations decision and reason say; None when the event has neither."""
    if not decision and not reason:
        return None
    match = _RBAC.fullmatch(reason)
    if match:
        return Permission(reason, *(group or "" for group in match.groups()))
    if reason:
        return Permission(reason)
    if decision == "allow":
        return Permission("no reason was given, as for members of system:masters, who are asked nothing")
    return Permission("no rule allowed it")
