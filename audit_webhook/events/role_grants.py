"""What roles grant, read from the rules that a request wrote (k8s.io/api rbac/v1 PolicyRule).

What a rule grants is decided as the authorizer decides it (kubernetes: pkg/apis/rbac/v1/evaluation_helpers.go): a verb
or resource ``*`` stands for all, and ``*/scale`` for a subresource of any resource.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from audit_webhook.events.api_resources import BUILT_IN
from audit_webhook.events.event import Event
from audit_webhook.events.recorded_bodies import objects_of, values_at

ROLES: Final = ("clusterroles", "roles")
ANY: Final = "*"
Matches = Callable[[str], bool]
_GROUPS: Final = {each.plural: each.group for each in reversed(BUILT_IN)}


def rules_of(event: Event, raw: bytes) -> Iterator[dict[str, Any]]:
    """Yield the rules that a request wrote to a role."""
    if event.resource not in ROLES or event.subresource:
        return
    for written in objects_of(event, raw):
        yield from (rule for rule in values_at(written, "rules") if isinstance(rule, dict))


def role_verbs(event: Event, raw: bytes) -> Iterator[str]:
    """Yield the verbs of the rules as they are written."""
    return (text for rule in rules_of(event, raw) for text in _texts(rule, "verbs"))


def role_resources(event: Event, raw: bytes) -> Iterator[str]:
    """Yield the resources and URLs of the rules as they are written."""
    return (
        text for rule in rules_of(event, raw) for name in ("resources", "nonResourceURLs")
        for text in _texts(rule, name)
    )


def grants(rule: dict[str, Any], is_verb: Matches, is_resource: Matches, resource: str) -> bool:
    """Return whether a rule grants any verb that is meant on any resource that is meant.

    ``resource`` is the one resource that is meant, and empty where a pattern is: only then is the API group not asked
    about.
    """
    if not any(verb == ANY or is_verb(verb) for verb in _texts(rule, "verbs")):
        return False
    if resource.startswith("/"):
        return any(_covers_url(url, resource) for url in _texts(rule, "nonResourceURLs"))
    if not _is_of_group(rule, resource):
        return False
    return any(_covers(each, resource) or is_resource(each) for each in _texts(rule, "resources"))


def _covers(granted: str, resource: str) -> bool:
    if granted == ANY:
        return True
    return granted.startswith("*/") and resource.endswith(granted[1:])


def _covers_url(granted: str, url: str) -> bool:
    return granted == url or granted.endswith(ANY) and url.startswith(granted[:-1])


def _is_of_group(rule: dict[str, Any], resource: str) -> bool:
    group = _GROUPS.get(resource.partition("/")[0])
    return group is None or any(each in (ANY, group) for each in _texts(rule, "apiGroups"))


def _texts(rule: dict[str, Any], name: str) -> list[str]:
    found = rule.get(name)
    return [text for text in found if isinstance(text, str)] if isinstance(found, list) else []
