"""Commands that change a part of an object: patch, edit, label, annotate, scale, rollout."""

from __future__ import annotations

from typing import Final

from audit_webhook.kubectl.applying import apply, from_file, tell_server_side
from audit_webhook.kubectl.line import Line
from audit_webhook.kubectl.manifests import last_applied, masked
from audit_webhook.kubectl.objects import add_chosen, add_objects, add_types, is_built_in
from audit_webhook.kubectl.registry import command, explainers_of
from audit_webhook.kubectl.request import Request
from audit_webhook.kubectl.revisions import add_revision
from audit_webhook.kubectl.run import Run
from audit_webhook.kubectl.traits import gathers
from audit_webhook.kubectl.values import entries, only, part, text, write_json

RESTARTED: Final = "kubectl.kubernetes.io/restartedAt"
_WORKLOADS: Final = frozenset({"deployments", "statefulsets", "daemonsets", "replicasets", "cronjobs", "jobs"})
_TYPED: Final = 2_000_000


def add_targets(line: Line, run: Run, all_flag: str = "all") -> Line:
    """Add what a command changed: objects by name, or how a list before chose them."""
    lists = [each for each in run.lists("", run.deeds[-1]) if each.event.resource in _resources(run)]
    chosen = [each for each in lists if each.is_table is not True and not each.parameter("limit")]
    if not chosen:
        return add_objects(line, [*read_first(run), *run.deeds])
    add_types(line, chosen)
    add_chosen(line, chosen[0])
    line.because("a list before, and then each of its objects")
    is_narrowed = chosen[0].parameter("labelSelector") or chosen[0].parameter("fieldSelector")
    return line.flag(all_flag) if all_flag and not is_narrowed else line


def read_first(run: Run) -> list[Request]:
    """Return the looks at all objects with which some commands begin: those that were not changed were named too."""
    if not run.is_kubectl:
        return []
    if not gathers(run.main):
        missed = [read for read in run.gets() if read.event.code == 404 and read.event.resource in _resources(run)]
        return [] if run.main.event.verb == "create" else missed
    usual = _WORKLOADS | _resources(run)
    return [
        read for read in run.gets()
        if read.start < run.deeds[0].start and read.event.resource in usual and not read.event.subresource
    ]


def _resources(run: Run) -> set[str]:
    return {deed.event.resource for deed in run.deeds}


@command("patch", manager="kubectl-patch", subresource="*")
def patch(run: Run) -> Line | None:
    """Tell ``patch`` by its field manager."""
    return tell_patch(run)


def tell_patch(run: Run) -> Line:
    """Tell ``patch`` with the body as it was sent."""
    first = run.main
    line = add_objects(Line("patch"), run.deeds)
    line.standard_managers = ("kubectl-patch",)
    if first.event.subresource:
        line.flag("subresource", first.event.subresource)
    body = first.body
    if isinstance(body, list):
        line.flag("type", "json")
    elif not is_built_in(first.event):
        line.flag("type", "merge")
    else:
        line.lacks("whether --type=merge or strategic: the event has no Content-Type")
    if body is None:
        return line.flag("patch-file", "<file>").guess("the content of the patch: it was not recorded")
    shown = masked(body) if first.event.resource == "secrets" else body
    line.masks(shown is not body)
    return line.short("-p", write_json(shown)) if shown is not None else line


@command("patch", manager="kubectl-edit", subresource="*")
def edit(run: Run) -> Line | None:
    """Tell ``edit``."""
    line = add_objects(Line("edit"), [*read_first(run), *run.deeds])
    line.standard_managers = ("kubectl-edit",)
    if subresource := run.main.event.subresource:
        line.flag("subresource", subresource)
    return line.lacks("what was typed in the editor, other than the change itself")


@command("patch", manager="kubectl-label")
def label(run: Run) -> Line | None:
    """Tell ``label``."""
    return _mark(run, "label", "labels")


@command("patch", manager="kubectl-annotate")
def annotate(run: Run) -> Line | None:
    """Tell ``annotate``."""
    return _mark(run, "annotate", "annotations")


def _mark(run: Run, verb: str, member: str) -> Line:
    first = run.main
    line = add_targets(Line(verb), run)
    line.standard_managers = (f"kubectl-{verb}",)
    marks = {
        key: value for deed in run.deeds
        if isinstance(changed := part(deed.body, "metadata", member), dict) for key, value in changed.items()
    }
    if not marks:
        line.add("<key>=<value>")
        return line.guess("keys and values: no change was recorded")
    line.because(f"body: metadata.{member}")
    if any(value is None for value in marks.values()):
        line.lacks("keys that were to be removed but were not there")
    for key, value in marks.items():
        line.add(f"{key}-" if value is None else line.assign(key, str(value)))
    version = part(first.body, "metadata", "resourceVersion")
    return line.flag_if("resource-version", version).lacks("--overwrite")


@command("patch", "update", subresource="scale")
def scale(run: Run) -> Line | None:
    """Tell ``scale``, which has a subresource of its own and no field manager."""
    first = run.main
    if first.manager in ("kubectl-patch", "kubectl-edit", "kubectl-replace"):
        return None
    replicas = part(first.body, "spec", "replicas")
    if first.has_body and (not isinstance(replicas, int) or isinstance(first.body, dict) and _has_more(first)):
        return None
    line = add_targets(Line("scale"), run).because("subresource scale")
    if replicas is None:
        return line.guess("--replicas: the body was not recorded")
    line.flag("replicas", replicas)
    previous = next((read for read in run.reads if read.event.subresource == "scale"), None)
    current = part(previous.response, "spec", "replicas") if previous else None
    return line.flag("current-replicas", current) if current is not None and first.event.verb == "update" else line


def _has_more(request: Request) -> bool:
    body = request.body
    return request.event.verb == "patch" and (set(body) != {"spec"} or set(body["spec"]) != {"replicas"})


@command("patch", manager="kubectl-rollout")
def rollout(run: Run) -> Line | None:
    """Tell ``rollout restart``, ``pause`` or ``resume`` by its field manager."""
    return tell_rollout(run) or _rollout_unknown(run)


def tell_rollout(run: Run) -> Line | None:
    """Tell a rollout command by the change that it makes; None when it is none."""
    body = run.main.body
    annotations = part(body, "spec", "template", "metadata", "annotations")
    spec = part(body, "spec")
    if isinstance(annotations, dict) and RESTARTED in annotations:
        verb, fact = "restart", f"body: the annotation {RESTARTED}"
    elif isinstance(spec, dict) and set(spec) == {"paused"} and set(body) == {"spec"}:
        verb, fact = ("pause" if spec["paused"] else "resume"), "body: spec.paused"
    else:
        return None
    line = add_targets(Line("rollout", verb), run, all_flag="").because(fact)
    line.standard_managers = ("kubectl-rollout",)
    return line


def _rollout_unknown(run: Run) -> Line:
    line = add_targets(Line("rollout", "restart"), run, all_flag="")
    line.standard_managers = ("kubectl-rollout",)
    return line.guess("restart, pause or resume: the body was not recorded")


def tell_undo(run: Run) -> Line | None:
    """Tell ``rollout undo``: the template as a whole is put back; None when it is none."""
    body = run.main.body
    if isinstance(body, list):
        paths = {text(operation, "path") for operation in entries(body)}
        is_undo = "/spec/template" in paths and paths <= {"/spec/template", "/metadata/annotations"}
    else:
        is_undo = part(body, "spec", "template", "$patch") == "replace"
    if not is_undo and (run.main.has_body or not run.lists("replicasets") + run.lists("controllerrevisions")):
        return None
    line = add_objects(Line("rollout", "undo"), run.deeds).because("the whole template was put back")
    return add_revision(line, run)


@command("patch", subresource="*")
def patch_without_manager(run: Run) -> Line | None:
    """Tell a patch whose field manager is no default of kubectl's, by its shape."""
    first = run.main
    if "force" in first.parameters and isinstance(first.body, dict | None):
        return tell_server_side(run)
    if not first.is_kubectl:
        return None
    if last_applied(first.body) is not None:
        return _tell_noted(run)
    if first.lacks_managers:
        return _tell_old(run)
    return tell_rollout(run) or (_tell_unmanaged(run) if not first.manager else None) or _by_validation(run)


def _tell_as(manager: str, run: Run) -> Line | None:
    event = run.main.event
    return explainers_of(manager, event.verb, event.resource, event.subresource)[0](run)


def _tell_old(run: Run) -> Line | None:
    """Tell a patch of a kubectl that named no managers, by its shape and by how long somebody typed."""
    first, body = run.main, run.main.body
    containers = part(body, "spec", "template", "spec", "containers")
    if isinstance(body, dict) and set(body) == {"spec"}:
        if only(body["spec"], "taints") and "taints" in body["spec"]:
            return _tell_as("kubectl-taint", run)
        if entries(containers) and all(set(each) == {"name", "image"} for each in entries(containers)):
            return _tell_as("kubectl-set", run)
    for verb, member in (("label", "labels"), ("annotate", "annotations")):
        if _marks_only(body, member):
            return _mark(run, verb, member)
    if run.reads and first.start - run.reads[-1].end > _TYPED:
        return edit(run)
    return tell_rollout(run) or tell_patch(run)


def _marks_only(body: object, member: str) -> bool:
    metadata = part(body, "metadata")
    return isinstance(body, dict) and set(body) == {"metadata"} and isinstance(metadata, dict) and (
        set(metadata) == {member} and isinstance(metadata[member], dict)
    )


def _tell_unmanaged(run: Run) -> Line | None:
    """Tell the two commands that name no manager; without a body, one is known by the revisions listed before."""
    undone = tell_undo(run)
    if undone is not None or run.main.has_body or run.main.event.subresource:
        return undone
    return from_file(Line("apply", "set-last-applied"), run).because("a patch without a field manager")


def _tell_noted(run: Run) -> Line | None:
    if not run.main.manager and set(run.main.body) == {"metadata"}:
        return from_file(Line("apply", "set-last-applied"), run).because("only the noted manifest was written")
    return apply(run)


def _by_validation(run: Run) -> Line:
    for verb, member in (("label", "labels"), ("annotate", "annotations")):
        if _marks_only(run.main.body, member):
            return _mark(run, verb, member).guess("whether patch was run: the field manager is none of kubectl's own")
    if "fieldValidation" in run.main.parameters:
        line = add_objects(Line("edit"), run.deeds)
        return line.guess("edit or apply: the field manager is none of kubectl's own").because("fieldValidation=")
    return tell_patch(run)
