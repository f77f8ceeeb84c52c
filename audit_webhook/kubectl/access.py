"""Commands about rights and certificates: auth can-i, whoami, reconcile, certificate approve and deny."""

from __future__ import annotations

from typing import Any, Final

from audit_webhook.events.api_resources import BUILT_IN
from audit_webhook.kubectl.applying import from_file, update
from audit_webhook.kubectl.creating import create_without_manager
from audit_webhook.kubectl.line import Line
from audit_webhook.kubectl.objects import checked
from audit_webhook.kubectl.registry import command
from audit_webhook.kubectl.run import Run
from audit_webhook.kubectl.values import entries, part, text, write_json

_GROUPS: Final = {resource.plural: resource.group for resource in BUILT_IN}
_CLUSTER_WIDE: Final = {resource.plural for resource in BUILT_IN if not resource.is_namespaced}
RBAC: Final = ("roles", "clusterroles", "rolebindings", "clusterrolebindings")


@command("create", resource="selfsubjectaccessreviews")
def can_i(run: Run) -> Line | None:
    """Tell ``auth can-i``."""
    spec = part(run.main.body, "spec")
    line = Line("auth", "can-i").because("a SelfSubjectAccessReview")
    line.has_namespace = False
    asked = part(spec, "resourceAttributes")
    path = part(spec, "nonResourceAttributes")
    if isinstance(path, dict):
        return line.add(text(path, "verb"), text(path, "path"))
    if not isinstance(asked, dict):
        return line.lacks("what was asked: the body was not recorded")
    line.add(text(asked, "verb"), _resource(asked))
    line.flag_if("subresource", text(asked, "subresource"))
    return _add_space(line, text(asked, "namespace"), text(asked, "resource"))


def _resource(asked: dict[str, Any]) -> str:
    resource, group, name = text(asked, "resource"), text(asked, "group"), text(asked, "name")
    word = resource if _GROUPS.get(resource, "") == group else f"{resource}.{group}"
    return f"{word}/{name}" if name else word


def _add_space(line: Line, namespace: str, resource: str = "") -> Line:
    if namespace:
        return line.short("-n", namespace) if resource not in _CLUSTER_WIDE else line
    return line.short("-A")


@command("create", resource="selfsubjectrulesreviews")
def list_rights(run: Run) -> Line | None:
    """Tell ``auth can-i --list``."""
    line = Line("auth", "can-i").flag("list").because("a SelfSubjectRulesReview")
    line.has_namespace = False
    namespace = text(run.main.body, "spec", "namespace")
    return line.short("-n", namespace) if namespace else line


@command("create", resource="selfsubjectreviews")
def who_am_i(run: Run) -> Line | None:
    """Tell ``auth whoami``."""
    line = Line("auth", "whoami").because("a SelfSubjectReview")
    line.has_namespace = False
    return line


def _reconcile(run: Run) -> Line | None:
    """Tell ``auth reconcile``: rights written without a field manager, after a look at what is there."""
    first = run.main
    if not first.is_kubectl or first.manager or not any(read.thing == first.thing for read in run.reads):
        return create_without_manager(run) if first.event.verb == "create" else update(run)
    line = from_file(Line("auth", "reconcile"), run).because("rights written without a field manager, after a read")
    for deed in run.deeds:
        before = run.look_at(deed.thing)
        if before is not None and deed.event.verb == "update":
            _add_removals(line, before.response, deed.body)
    return line.lacks("flags that removed nothing")


def _add_removals(line: Line, before: object, after: object) -> None:
    for member, flag in (("rules", "permissions"), ("subjects", "subjects")):
        kept = set(map(write_json, entries(after, member)))
        removed = any(write_json(each) not in kept for each in entries(before, member))
        if removed and f"--remove-extra-{flag}" not in line.flags:
            line.flag(f"remove-extra-{flag}")


for _resource_name in RBAC:
    command("create", "update", resource=_resource_name)(_reconcile)


@command("update", "patch", resource="certificatesigningrequests", subresource="approval")
def certify(run: Run) -> Line | None:
    """Tell ``certificate approve`` or ``deny`` by the last condition."""
    first = run.main
    kinds = [text(each, "type") for each in entries(first.body, "status", "conditions")]
    decided = [kind for kind in kinds if kind in ("Approved", "Denied")]
    verb = "deny" if decided[-1:] == ["Denied"] else "approve"
    line = Line("certificate", verb).add(*dict.fromkeys(checked(deed.event.name) for deed in run.deeds))
    line.has_namespace = False
    line.because("subresource approval")
    return line if decided else line.guess("approve or deny: the body was not recorded")
