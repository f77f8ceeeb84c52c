"""The authorizer's reason is read as binding, role and subject."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_webhook.events.authorizer_reason import (
    AZURE_ROLE, EKS_POLICY, GKE_IAM, MASTERS, NODES, NO_REASON, NO_RULE, Permission, parse_reason,
)
from audit_webhook.storage.chunks.grant_postings import gives_everything, grant_of, read_grant
from tests.explore.test_rbac import CALLER


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


EKS = "arn:aws:eks::aws:cluster-access-policy/"
AZURE = "Access allowed by Azure RBAC Role Assignment 59ae41cff1534419 of Role {} to user 00dcc720-5846"


@pytest.mark.parametrize(
    ("reason", "kind", "name", "namespace"),
    [
        (f'EKS Access Policy: allowed by ClusterRoleBinding "arn:aws:iam::1:role/ops+{EKS}AmazonEKSViewPolicy" of'
         f' ClusterRole "{EKS}AmazonEKSViewPolicy" to User "AROAEXAMPLE"', EKS_POLICY, "AmazonEKSViewPolicy", ""),
        (f'EKS Access Policy: allowed by RoleBinding "arn:aws:iam::1:role/a/b+{EKS}AmazonEKSEditPolicy/shop" of'
         f' Role "{EKS}AmazonEKSEditPolicy" to User "AROAEXAMPLE"', EKS_POLICY, "AmazonEKSEditPolicy", "shop"),
        ('EKS Access Policy: allowed by ClusterRoleBinding "x+arn:aws-cn:eks::aws:cluster-access-policy/Some" of'
         ' ClusterRole "arn:aws-cn:eks::aws:cluster-access-policy/Some"', EKS_POLICY, "Some", ""),
        (AZURE.format("b1ff04bb8a4e4dc48eb58693973ce19b"), AZURE_ROLE,
         "Azure Kubernetes Service RBAC Cluster Admin", ""),
        (AZURE.format("/subscriptions/1/roleDefinitions/3498e952-d568-435e-9b2c-8d77e338d7f7"),
         AZURE_ROLE, "Azure Kubernetes Service RBAC Admin", ""),
        (AZURE.format("0123"), AZURE_ROLE, "0123", ""),
        ("Access allowed by Azure RBAC", AZURE_ROLE, "Azure RBAC", ""),
        ("access granted by IAM permissions.", GKE_IAM, "IAM", ""),
    ],
)
def test_reason_of_a_cloud_is_understood(reason: str, kind: str, name: str, namespace: str) -> None:
    found = parse_reason("allow", reason)
    assert found is not None
    assert (found.binding_kind, found.binding, found.binding_namespace) == (kind, name, namespace)
    posted = read_grant(grant_of("prod", reason, (), CALLER))
    assert posted is not None
    assert posted[0][:4] == ("prod", kind, namespace, name)
    assert gives_everything(posted[0]) == ("Cluster Admin" in name)


def test_policy_that_gives_every_right_is_known() -> None:
    policy = f"{EKS}AmazonEKSClusterAdminPolicy"
    reason = (
        f'EKS Access Policy: allowed by ClusterRoleBinding "arn:aws:iam::111122223333:role/ops+{policy}" of ClusterRole'
        f' "{policy}" to User "AROAEXAMPLE"'
    )
    posted = read_grant(grant_of("prod", reason, (), CALLER))
    assert posted is not None
    assert gives_everything(posted[0])


@pytest.mark.parametrize("name", ["cluster-admin", "system:masters", "AmazonEKSClusterAdminPolicy"])
def test_binding_is_not_grave_for_its_own_name(name: str) -> None:
    reason = f'RBAC: allowed by RoleBinding "{name}/shop" of Role "view" to User "eve"'
    posted = read_grant(grant_of("prod", reason, (), CALLER))
    assert posted is not None
    assert not gives_everything(posted[0])


def test_refusal_of_gke_names_what_was_needed() -> None:
    said = 'requires one of ["container.deployments.update", "container.pods.list"] permission(s).'
    found = parse_reason("forbid", said)
    assert found is not None
    assert "container.deployments.update, container.pods.list" in found.text
