"""What ``create role``, ``clusterrole``, ``rolebinding`` and ``clusterrolebinding`` make."""

from __future__ import annotations

from typing import Any, Final

from audit_webhook.events.api_resources import BUILT_IN
from audit_webhook.kubectl.line import Line
from audit_webhook.kubectl.setting import add_subjects
from audit_webhook.kubectl.values import entries, joined, only, pairs, part, text, texts

_GROUPS: Final = {resource.plural: resource.group for resource in BUILT_IN}
MOST_RESOURCES: Final = 5_000  # each group with each resource: a small rule can name millions of pairs


def role(name: str, body: Any) -> Line | None:
    """Give the command for a role, or None when its rules are of another shape."""
    return _add_rules(Line("create", "role").add(name), body)


def cluster_role(name: str, body: Any) -> Line | None:
    """Give the command for a cluster role, or None when its rules are of another shape."""
    line = Line("create", "clusterrole").add(name)
    aggregated = entries(body, "aggregationRule", "clusterRoleSelectors")
    if aggregated:
        return line.flag("aggregation-rule", joined(pairs(aggregated[0], "matchLabels")))
    return _add_rules(line, body)


def _add_rules(line: Line, body: Any) -> Line | None:
    """Add the flags: kubectl makes a rule for each API group, all with the same verbs and names."""
    rules = entries(body, "rules")
    verbs = {tuple(texts(rule, "verbs")) for rule in rules}
    names = {tuple(texts(rule, "resourceNames")) for rule in rules}
    if len(verbs) != 1 or len(names) != 1 or not only(part(body, "metadata"), "name", "namespace"):
        return None
    line.flag("verb", ",".join(verbs.pop()))
    if sum(len(texts(rule, "apiGroups")) * len(texts(rule, "resources")) for rule in rules) > MOST_RESOURCES:
        return None
    resources = [
        _resource(group, resource)
        for rule in rules for group in texts(rule, "apiGroups") for resource in texts(rule, "resources")
    ]
    line.flag_if("resource", ",".join(resources))
    for name in names.pop():
        line.flag("resource-name", name)
    paths = [path for rule in rules for path in texts(rule, "nonResourceURLs")]
    return line.flag_if("non-resource-url", ",".join(paths))


def _resource(group: str, resource: str) -> str:
    """Name a resource as kubectl resolves it: with its group unless the plain name means the same."""
    plain, _, subresource = resource.partition("/")
    if not group or (_GROUPS.get(plain) == group and not subresource):
        return resource
    return f"{plain}.{group}/{subresource}" if subresource else f"{plain}.{group}"


def role_binding(name: str, body: Any) -> Line | None:
    """Give the command for a role binding."""
    return _bind(Line("create", "rolebinding").add(name), body)


def cluster_role_binding(name: str, body: Any) -> Line | None:
    """Give the command for a cluster role binding."""
    return _bind(Line("create", "clusterrolebinding").add(name), body)


def _bind(line: Line, body: Any) -> Line | None:
    kind = text(body, "roleRef", "kind")
    if kind not in ("Role", "ClusterRole") or not only(part(body, "metadata"), "name", "namespace"):
        return None
    line.flag(kind.lower(), text(body, "roleRef", "name"))
    add_subjects(line, entries(body, "subjects"))
    return line
