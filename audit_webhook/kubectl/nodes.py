"""Commands for nodes: cordon, uncordon, drain, taint."""

from __future__ import annotations

from typing import Any, Final

from audit_webhook.kubectl.changing import add_targets, patch_without_manager
from audit_webhook.kubectl.line import Line
from audit_webhook.kubectl.objects import checked
from audit_webhook.kubectl.registry import command
from audit_webhook.kubectl.request import Request
from audit_webhook.kubectl.run import Run
from audit_webhook.kubectl.taints import taint_word, taints_before, taints_of
from audit_webhook.kubectl.values import part, text

ON_NODE: Final = "spec.nodeName="


def drained_node(request: Request) -> str:
    """Give the node whose pods are listed as drain lists them; empty for any other request."""
    selector = request.parameter("fieldSelector") if request.event.resource == "pods" else ""
    if request.event.verb != "list" or not selector.startswith(ON_NODE) or "," in selector:
        return ""
    return selector.removeprefix(ON_NODE) if request.is_table is not True else ""


@command("patch", resource="nodes")
def change_node(run: Run) -> Line | None:
    """Tell cordon, uncordon or drain, which name no field manager and ask for no validation."""
    first = run.main
    if not first.is_kubectl or first.manager or "fieldValidation" in first.parameters or first.lacks_managers:
        return patch_without_manager(run)
    if first.has_body and not _is_cordon(first.body):
        return patch_without_manager(run)
    return drain(run) or _cordon(run)


def _is_cordon(body: object) -> bool:
    spec = part(body, "spec")
    return isinstance(spec, dict) and set(spec) == {"unschedulable"}


def _cordon(run: Run) -> Line:
    first = run.main
    verb = "cordon" if part(first.body, "spec", "unschedulable") or not first.has_body else "uncordon"
    line = Line(verb)
    line.has_namespace = False
    lists = run.lists("nodes")
    if lists and lists[0].parameter("labelSelector"):
        line.short("-l", lists[0].parameter("labelSelector"))
    else:
        line.add(*dict.fromkeys(checked(deed.event.name) for deed in run.deeds))
    if not first.has_body:
        return line.guess("cordon or uncordon: the body was not recorded")
    return line.because("body: spec.unschedulable")


def drain(run: Run) -> Line | None:
    """Tell ``drain`` by its list of the pods on a node; None when there is none."""
    listed = [read for read in run.reads if drained_node(read)]
    if not listed:
        return None
    line = Line("drain").because("the pods of the node were listed")
    line.has_namespace = False
    chosen = run.lists("nodes", listed[0])
    if chosen and chosen[0].parameter("labelSelector"):
        line.short("-l", chosen[0].parameter("labelSelector"))
    else:
        line.add(*dict.fromkeys(checked(drained_node(read)) for read in listed))
    line.flag_if("pod-selector", listed[0].parameter("labelSelector"))
    removed = [deed for deed in run.deeds if deed.event.resource == "pods"]
    if removed and removed[0].event.subresource != "eviction":
        line.flag("disable-eviction").because("pods were deleted, not evicted")
    grace = _grace(removed[0]) if removed else None
    line.flag_if("grace-period", text(grace))
    if any(not deed.has_body for deed in removed):
        line.lacks("--dry-run and --grace-period: they stand in the body, which was not recorded")
    return line.lacks("--ignore-daemonsets, --force and --delete-emptydir-data")


def _grace(request: Request) -> Any:
    options = part(request.body, "deleteOptions") if request.event.subresource == "eviction" else request.body
    return part(options, "gracePeriodSeconds")


@command("create", resource="pods", subresource="eviction")
def evict(run: Run) -> Line | None:
    """Tell ``drain`` of a node that was cordoned before."""
    return drain(run) if run.main.is_kubectl else None


@command("patch", resource="nodes", manager="kubectl-taint")
def taint(run: Run) -> Line:
    """Tell ``taint``: the body has all taints of the node, so the difference to what was read counts."""
    line = add_targets(Line("taint"), run)
    line.standard_managers = ("kubectl-taint",)
    line.has_namespace = False
    if not run.main.has_body:
        return line.add("<taint>").guess("the taints: the body was not recorded")
    changes: dict[str, None] = {}
    for deed in run.deeds:
        before = taints_before(run, deed)
        if before is None:
            return line.add("<taint>").guess("which taints were added or removed: those before were not recorded")
        for word in _difference(before, taints_of(part(deed.body, "spec", "taints"))):
            changes[word] = None
    line.add(*changes or ["<taint>"]).because("body: spec.taints").lacks("--overwrite")
    if any(word.endswith("-") for word in changes):
        line.guess("whether one effect or all of a key were to be removed")
    return line if changes else line.guess("which taints were added or removed: the node had them already")


def _difference(before: dict[tuple[str, str], str], after: dict[tuple[str, str], str]) -> list[str]:
    added = [
        taint_word((taint, value)) for taint, value in after.items() if before.get(taint) != value
    ]
    left = {key for key, _ in after}
    removed = [
        f"{key}-" if key not in left else f"{key}:{effect}-"
        for key, effect in before if (key, effect) not in after
    ]
    return [*added, *dict.fromkeys(removed)]
