"""The authorizer's reason is read as binding, role and subject."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_webhook.authorization import MASTERS, NO_REASON, NO_RULE, NODES, Permission, parse_reason


@pytest.mark.parametrize(
    ("reason", "permission"),
    [
        (
            'RBAC: allowed by ClusterRoleBinding "x" of ClusterRole "y" to Group "z"',
            Permission(
                "Cluster role binding x gives cluster role y to group z.",
                "ClusterRoleBinding", "x", "", "ClusterRole", "y", "Group", "z",
            ),
        ),
        (
            'RBAC: allowed by RoleBinding "admins/payments" of ClusterRole "admin" to User "oidc:maria"',
            Permission(
                "Role binding admins in payments gives cluster role admin to user oidc:maria.",
                "RoleBinding", "admins", "payments", "ClusterRole", "admin", "User", "oidc:maria",
            ),
        ),
        (
            'RBAC: allowed by RoleBinding "x/shop" of Role "y" to ServiceAccount "ci/build"',
            Permission(
                "Role binding x in shop gives role y to service account ci in build.",
                "RoleBinding", "x", "shop", "Role", "y", "ServiceAccount", "ci", "build",
            ),
        ),
        (
            'RBAC: allowed by ClusterRoleBinding "x" of ClusterRole "y"',
            Permission(
                "Cluster role binding x gives cluster role y.", "ClusterRoleBinding", "x", "", "ClusterRole", "y",
            ),
        ),
    ],
)
def test_reason_of_rbac_is_taken_apart(reason: str, permission: Permission) -> None:
    assert parse_reason("allow", reason) == permission


def test_quoted_name_cannot_pass_for_another_binding() -> None:
    name = r'eve\" of ClusterRole \"view\" to Group \"all\u202e'
    permission = parse_reason("allow", f'RBAC: allowed by RoleBinding "x/shop" of Role "y" to User "{name}"')
    assert permission is not None
    assert (permission.role, permission.subject) == ("y", 'eve" of ClusterRole "view" to Group "all\u202e')


def test_binding_to_a_role_that_is_gone_is_explained() -> None:
    permission = parse_reason("forbid", 'RBAC: clusterrole.rbac.authorization.k8s.io "viewers" not found')
    assert permission == Permission("No rule allowed it. A binding names cluster role viewers, which does not exist.")


@pytest.mark.parametrize(
    "reason",
    ["no relationship found between node 'n1' and this object", "internal error", 'RBAC: allowed by "', "<script>"],
)
def test_unknown_reason_is_kept_as_text(reason: str) -> None:
    assert parse_reason("forbid", reason) == Permission(reason)


@pytest.mark.parametrize(
    ("decision", "groups", "text"),
    [
        ("allow", ("system:authenticated", "system:masters"), MASTERS),
        ("allow", ("system:nodes",), NODES),
        ("allow", (), NO_REASON),
        ("forbid", ("system:masters",), NO_RULE),
    ],
)
def test_empty_reason_says_what_that_may_mean(decision: str, groups: tuple[str, ...], text: str) -> None:
    assert parse_reason(decision, "", groups) == Permission(text)


def test_event_without_a_decision_has_no_permission() -> None:
    assert parse_reason("", "") is None


@given(st.text(), st.text(max_size=30), st.text(max_size=30))
def test_no_reason_breaks_the_reading(decision: str, head: str, tail: str) -> None:
    for reason in (head, f'RBAC: allowed by RoleBinding "{head}" of Role "{tail}" to User "{head}"'):
        permission = parse_reason(decision, reason)
        assert permission is None or permission.text
