"""The least that RBAC must allow: broad needs first, names and namespaces as narrow as they can be."""

from __future__ import annotations

import re
from itertools import product
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_webhook.explore.permissions.least_privilege import Need, is_wildcard, name_for, subject_of, write_roles
from audit_webhook.history.manifest import to_yaml
from audit_webhook.storage.chunks.grant_postings import Binding, grant_of, read_grant

CALLER = bytes(range(16))


def rules(*needs: Need, apart: bool = False) -> list[Any]:
    """Give the rules of all roles, after a way through YAML."""
    manifests = yaml.safe_load_all("---\n".join(to_yaml(each) for each in write_roles("alice", needs, apart)))
    return [rule for each in manifests for rule in each.get("rules", [])]


def allows(manifests: list[Any], need: Need) -> bool:
    """Whether the roles let the need pass, as RBAC decides it."""
    for role in manifests:
        if "rules" not in role or role["metadata"].get("namespace", need.namespace) != need.namespace:
            continue
        for rule in role["rules"]:
            if need.verb not in rule["verbs"]:
                continue
            if need.path and need.path in rule.get("nonResourceURLs", []):
                return True
            names = rule.get("resourceNames")
            if (
                not need.path and need.group in rule.get("apiGroups", []) and need.resource in rule["resources"]
                and (names is None or need.name in names)
            ):
                return True
    return False


def test_one_object_gets_a_role_with_its_name() -> None:
    manifests = write_roles("alice", [Need("get", "", "configmaps", "shop", "app")])
    role, binding = manifests
    assert role["kind"] == "Role" and role["metadata"] == {"name": "audit-alice", "namespace": "shop"}
    assert role["rules"] == [
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["app"], "verbs": ["get"]}
    ]
    assert binding["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "audit-alice"}


def test_several_names_become_all_and_several_namespaces_the_cluster() -> None:
    needs = [Need("get", "", "pods", "a", "x"), Need("get", "", "pods", "a", "y"), Need("get", "", "secrets", "a", "s"),
             Need("get", "", "secrets", "b", "s")]
    assert rules(*needs) == [
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]},
    ]
    places = {str(each["metadata"]) for each in write_roles("alice", needs, are_namespaces_apart=True)}
    assert len(places) == 2


def test_rule_for_create_never_has_names() -> None:
    assert rules(Need("create", "", "pods", "shop", "web")) == [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["create"]}
    ]


@pytest.mark.parametrize(("verb", "verbs"), [
    ("watch", ["get", "list", "watch"]), ("list", ["get", "list", "watch"]), ("patch", ["get", "update", "patch"]),
    ("update", ["get", "update", "patch"]), ("delete", ["delete"]), ("get", ["get"]),
])
def test_verb_brings_along_those_that_clients_use_with_it(verb: str, verbs: list[str]) -> None:
    assert rules(Need(verb, "apps", "deployments", "shop"))[0]["verbs"] == verbs


def test_what_is_allowed_already_adds_no_rule() -> None:
    needs = [Need("list", "", "pods", ""), Need("get", "", "pods", "shop", "web"), Need("watch", "", "pods", "shop")]
    found = rules(*needs, apart=True)
    assert found == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}]


def test_paths_outside_of_resources_stand_in_a_cluster_role() -> None:
    assert rules(Need("get", path="/healthz"), Need("get", path="/version")) == [
        {"nonResourceURLs": ["/healthz", "/version"], "verbs": ["get"]}
    ]


NEEDS = [
    Need(verb, group, resource, namespace, name)
    for verb, group, resource, namespace, name in product(
        ("get", "list", "patch", "create"), ("", "apps"), ("pods", "pods/log"), ("", "a", "b"), ("", "x", "y"))
] + [Need("get", path="/version")]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(NEEDS), min_size=1, max_size=8), st.booleans())
def test_every_need_is_allowed_by_what_is_written(needs: list[Need], apart: bool) -> None:
    text = "---\n".join(to_yaml(each) for each in write_roles("alice", needs, apart))
    manifests = list(yaml.safe_load_all(text))
    assert [need for need in needs if not allows(manifests, need)] == []


@pytest.mark.parametrize("user", ["alice", "oidc:maria@example.com", "a\nb: c", "x" * 500, "---", "système", "Alice"])
def test_any_user_gets_a_name_that_kubernetes_takes(user: str) -> None:
    name = name_for(user)
    assert len(name) <= 63 and re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", name)
    binding = write_roles(user, [Need("get", "", "pods")])[1]
    assert yaml.safe_load(to_yaml(binding))["subjects"][0]["name"] == user
    assert name_for("alice") != name_for("Alice")


STARRED = st.sampled_from(["*", "pods", "*/scale", "pods/*", "p*ds", "a*", "get"])


@settings(deadline=None)
@given(st.lists(st.builds(Need, STARRED, STARRED, STARRED, st.sampled_from(["", "app"]), STARRED), max_size=12))
def test_nothing_that_was_asked_for_becomes_a_wildcard(needs: list[Need]) -> None:
    paths = [Need("get", path=path) for path in ("/*", "/healthz", "/apis/*", "*")]
    for rule in rules(*needs, *paths):
        told = [rule["verbs"], *(rule.get(name, []) for name in ("apiGroups", "resources", "nonResourceURLs"))]
        assert not any("*" in text for texts in told for text in texts)
    assert all(is_wildcard(need) for need in needs if "*" in need.verb + need.group + need.resource)


def test_service_account_is_a_subject_of_its_own_kind() -> None:
    assert subject_of("system:serviceaccount:shop:deployer") == {
        "kind": "ServiceAccount", "name": "deployer", "namespace": "shop",
    }
    assert subject_of("system:serviceaccount:odd")["kind"] == "User"


@pytest.mark.parametrize(("reason", "binding"), [
    ('RBAC: allowed by ClusterRoleBinding "ops" of ClusterRole "cluster-admin" to Group "ops"',
     Binding("prod", "ClusterRoleBinding", "", "ops", "ClusterRole", "cluster-admin")),
    ('RBAC: allowed by RoleBinding "devs/shop" of Role "devs" to User "alice"',
     Binding("prod", "RoleBinding", "shop", "devs", "Role", "devs")),
])
def test_grant_is_read_back_as_it_was(reason: str, binding: Binding) -> None:
    assert read_grant(grant_of("prod", reason, (), CALLER)) == (binding, CALLER)


def test_masters_need_no_binding_and_others_without_a_reason_have_none() -> None:
    found = read_grant(grant_of("prod", "", ("system:masters",), CALLER))
    assert found is not None and found[0][1:4] == ("Group", "", "system:masters")
    assert grant_of("prod", "", ("dev",), CALLER) == grant_of("prod", "because", (), CALLER) == ""


def test_grant_that_is_too_long_keeps_its_caller() -> None:
    reason = f'RBAC: allowed by ClusterRoleBinding "{"ż" * 300}" of ClusterRole "r"'
    posted = grant_of("prod", reason, (), CALLER)
    found = read_grant(posted)
    assert len(posted.encode()) <= 255 and found is not None and found[1] == CALLER and found[0].is_cut


@pytest.mark.parametrize("length", [180, 196, 197, 198, 199, 200, 240, 253])
@pytest.mark.parametrize("letter", ["a", "ż"])
def test_long_bindings_that_differ_at_their_ends_stay_two(letter: str, length: int) -> None:
    reasons = (f'RBAC: allowed by ClusterRoleBinding "{letter * length}{end}" of ClusterRole "r"' for end in "xyz")
    grants = [grant_of("prod", reason, (), CALLER) for reason in reasons]
    assert len(set(grants)) == 3 and all(len(grant.encode()) <= 255 for grant in grants)
    name = grants[0].rpartition("\n")[0].removeprefix("prod/crb//cr/r/")
    again = grant_of("prod", f'RBAC: allowed by ClusterRoleBinding "{name}" of ClusterRole "r"', (), CALLER)
    assert again not in grants or name == letter * length + "x"


def test_long_name_of_a_binding_hides_no_role() -> None:
    reason = f'RBAC: allowed by ClusterRoleBinding "{"a" * 253}" of ClusterRole "cluster-admin" to Group "ops"'
    found = read_grant(grant_of("prod", reason, (), CALLER))
    assert found is not None and found[0].is_cut and found[0].role == "cluster-admin"


def test_no_user_gets_the_role_of_another_one() -> None:
    users = ["alice", "Alice", "alice-", "a--b", "a-b", "x" * 48, "x" * 49, "x" * 50, "a:b"]
    users += [f"system:serviceaccount:{user}" for user in users]
    users += [name_for(user).removeprefix("audit-") for user in users]
    assert len({name_for(user) for user in users}) == len(set(users))


@pytest.mark.parametrize("text", ["", "prod/crb//x/cr/=", "\n", "x\n" + "g" * 16, "a/b\n0011"])
def test_text_that_is_no_grant_is_none(text: str) -> None:
    assert read_grant(text) is None
