"""The audit policies: rules that a kube-apiserver takes, and levels that are what the page says of them."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import pytest
import yaml

from audit_webhook.explore.setup import policy

RULE_FIELDS = {"level", "users", "userGroups", "verbs", "resources", "nonResourceURLs", "omitManagedFields"}


class Request:
    """A request as an audit policy sees it."""

    def __init__(self, user: str, verb: str, resource: str, group: str = "", groups: tuple[str, ...] = ()) -> None:
        self.user, self.verb, self.resource, self.group, self.groups = user, verb, resource, group, groups

    def matches(self, rule: dict[str, Any]) -> bool:
        if rule.get("users") and self.user not in rule["users"]:
            return False
        if rule.get("userGroups") and not set(self.groups) & set(rule["userGroups"]):
            return False
        if rule.get("verbs") and self.verb not in rule["verbs"]:
            return False
        if self.resource.startswith("/"):
            urls = rule.get("nonResourceURLs", [])
            return any(fnmatchcase(self.resource, url) for url in urls) if urls else "resources" not in rule
        if "nonResourceURLs" in rule:
            return False
        return "resources" not in rule or any(self.is_in(group) for group in rule["resources"])

    def is_in(self, group: dict[str, Any]) -> bool:
        subresource = "*/" + self.resource.partition("/")[2]
        named = group.get("resources", [])
        return group["group"] == self.group and (not named or self.resource in named or subresource in named)


def level(tier: str, request: Request) -> str:
    """Find the level by the first rule that matches, as a kube-apiserver does."""
    chosen = policy.tier(tier)
    assert chosen is not None
    rules = yaml.safe_load(policy.write_policy(chosen))["rules"]
    return str(next((rule["level"] for rule in rules if request.matches(rule)), "None"))


@pytest.mark.parametrize("tier", policy.TIERS, ids=lambda tier: tier.key)
def test_policy_is_one_that_a_kube_apiserver_takes(tier: policy.Tier) -> None:
    parsed = yaml.safe_load(policy.write_policy(tier))
    assert (parsed["apiVersion"], parsed["kind"]) == ("audit.k8s.io/v1", "Policy")
    assert parsed["omitStages"] == ["RequestReceived"]
    assert parsed["rules"]
    for rule in parsed["rules"]:
        assert rule["level"] in ("None", "Metadata", "Request", "RequestResponse")
        assert set(rule) <= RULE_FIELDS
        assert not {"resources", "nonResourceURLs"} <= set(rule)
        for group in rule.get("resources", []):
            assert set(group) <= {"group", "resources"} and "/" not in group["group"]
        for url in rule.get("nonResourceURLs", []):
            assert url.startswith("/") and "*" not in url.removesuffix("/*")


@pytest.mark.parametrize("tier", [tier.key for tier in policy.TIERS])
@pytest.mark.parametrize("verb", ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"])
@pytest.mark.parametrize("user", ["alice", "system:kube-controller-manager", "system:node:node-1"])
def test_bodies_of_secrets_are_never_recorded_and_their_use_always(tier: str, verb: str, user: str) -> None:
    groups = ("system:nodes",) if "node" in user else ()
    for resource, group in (("secrets", ""), ("serviceaccounts/token", ""), ("tokenreviews", "authentication.k8s.io")):
        assert level(tier, Request(user, verb, resource, group, groups)) == "Metadata"


@pytest.mark.parametrize(
    ("request_", "levels"),
    [
        (Request("alice", "get", "/healthz"), ("None", "None", "None")),
        (Request("kubelet", "get", "/livez/ping"), ("None", "None", "None")),
        (Request("alice", "get", "/apis/apps/v1"), ("None", "None", "RequestResponse")),
        (Request("alice", "get", "/metrics"), ("Metadata", "Metadata", "RequestResponse")),
        (Request("alice", "list", "pods"), ("Metadata", "Metadata", "RequestResponse")),
        (Request("alice", "get", "pods/exec"), ("Metadata", "Metadata", "RequestResponse")),
        (Request("alice", "create", "pods/exec"), ("Metadata", "RequestResponse", "RequestResponse")),
        (Request("alice", "patch", "deployments", "apps"), ("Metadata", "RequestResponse", "RequestResponse")),
        (Request("alice", "create", "events"), ("None", "None", "None")),
        (Request("alice", "delete", "events"), ("Metadata", "RequestResponse", "RequestResponse")),
        (
            Request("system:node:node-1", "update", "leases", "coordination.k8s.io", ("system:nodes",)),
            ("None", "None", "None"),
        ),
        (
            Request("alice", "update", "leases", "coordination.k8s.io"),
            ("Metadata", "RequestResponse", "RequestResponse"),
        ),
        (Request("system:kube-scheduler", "watch", "pods"), ("None", "None", "RequestResponse")),
        (
            Request("system:kube-scheduler", "create", "pods/binding"),
            ("Metadata", "RequestResponse", "RequestResponse"),
        ),
        (Request("system:node:node-1", "get", "pods", "", ("system:nodes",)), ("None", "None", "RequestResponse")),
        (
            Request("system:node:node-1", "list", "configmaps", "", ("system:nodes",)),
            ("Metadata", "Metadata", "RequestResponse"),
        ),
        (
            Request("system:node:node-1", "patch", "nodes/status", "", ("system:nodes",)),
            ("Metadata", "Metadata", "RequestResponse"),
        ),
        (
            Request("system:serviceaccount:shop:app", "create", "rolebindings", "rbac.authorization.k8s.io"),
            ("Metadata", "RequestResponse", "RequestResponse"),
        ),
    ],
    ids=lambda value: f"{value.user} {value.verb} {value.resource}" if isinstance(value, Request) else "",
)
def test_tier_records_what_it_says(request_: Request, levels: tuple[str, ...]) -> None:
    assert tuple(level(tier.key, request_) for tier in policy.TIERS) == levels
