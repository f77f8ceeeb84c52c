"""The authorizer's reason is read as binding, role and subject."""

from __future__ import annotations

import pytest

from audit_webhook.authorization import parse_reason


def test_cluster_role_binding_is_read() -> None:
    permission = parse_reason("allow", 'RBAC: allowed by ClusterRoleBinding "x" of ClusterRole "y" to Group "z"')
    assert permission is not None
    assert permission[1:] == ("ClusterRoleBinding", "x", "ClusterRole", "y", "Group", "z")


def test_role_binding_names_its_namespace() -> None:
    permission = parse_reason("allow", 'RBAC: allowed by RoleBinding "x/shop" of Role "y" to ServiceAccount "ci/shop"')
    assert permission is not None
    assert (permission.binding, permission.subject) == ("x/shop", "ci/shop")


@pytest.mark.parametrize("reason", ["no opinion", 'RBAC: allowed by "', "<script>"])
def test_unknown_reason_is_kept_as_text(reason: str) -> None:
    permission = parse_reason("forbid", reason)
    assert permission is not None and (permission.text, permission.role) == (reason, "")


def test_empty_reason_says_what_that_may_mean() -> None:
    allowed, refused = parse_reason("allow", ""), parse_reason("forbid", "")
    assert allowed is not None and "system:masters" in allowed.text
    assert refused is not None and refused.text == "no rule allowed it"


def test_event_without_a_decision_has_no_permission() -> None:
    assert parse_reason("", "") is None
