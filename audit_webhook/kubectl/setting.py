"""The commands ``set image``, ``env``, ``resources``, ``serviceaccount``, ``selector`` and ``subject``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from audit_webhook.kubectl.changing import add_targets
from audit_webhook.kubectl.line import Line
from audit_webhook.kubectl.registry import command
from audit_webhook.kubectl.request import Request
from audit_webhook.kubectl.run import Run
from audit_webhook.kubectl.values import entries, joined, pairs, part, text

MANAGER: Final = "kubectl-set"
_POD_SPECS: Final = (
    ("spec", "template", "spec"),
    ("spec", "jobTemplate", "spec", "template", "spec"),
    ("spec",),
)
_POD_MEMBERS: Final = ("containers", "initContainers", "serviceAccountName")
_BINDINGS: Final = frozenset({"rolebindings", "clusterrolebindings"})
_REFERENCES: Final = (("configMapKeyRef", "configmap"), ("secretKeyRef", "secret"))


@command("patch", manager=MANAGER)
def set_something(run: Run) -> Line:
    """Tell a ``set`` command by what it changes."""
    resource = run.main.event.resource
    if resource in _BINDINGS:
        line = _subject(run)
    elif resource == "services":
        line = _selector(run)
    else:
        line = _in_pods(run)
    line.standard_managers = (MANAGER,)
    return line.lacks("what was typed but made no change")


def _in_pods(run: Run) -> Line:
    spec = _pod_spec(run.main.body)
    containers = [*entries(spec, "containers"), *entries(spec, "initContainers")]
    account = text(spec, "serviceAccountName")
    if account:
        return add_targets(Line("set", "serviceaccount"), run).add(account).because("body: serviceAccountName")
    for member, name, explainer in _BY_MEMBER:
        if any(member in container or f"$setElementOrder/{member}" in container for container in containers):
            line = add_targets(Line("set", name), run).because(f"body: {member} of containers")
            explainer(line, run, containers)
            return line
    return _unknown(run)


def _unknown(run: Run) -> Line:
    sources = [read for read in run.gets() if read.event.resource in ("configmaps", "secrets")]
    line = add_targets(Line("set", "env" if sources else "image"), run)
    return line.add("<name>=<value>").guess("what was set: the body was not recorded")


def _pod_spec(body: object) -> Any:
    for path in _POD_SPECS:
        spec = part(body, *path)
        if isinstance(spec, dict) and not spec.keys().isdisjoint(_POD_MEMBERS):
            return spec
    return None


def _add_images(line: Line, run: Run, containers: list[dict[str, Any]]) -> None:
    images = {text(container, "name"): text(container, "image") for container in containers}
    line.guess("containers that had the image already, and * for all of them")
    is_one_for_all = len(set(images.values())) == 1 and (len(images) > 1 or "-l" in line.flags or "--all" in line.flags)
    if is_one_for_all:
        line.add(f"*={next(iter(images.values()))}")
    else:
        line.add(*(f"{name}={image}" for name, image in images.items()))


def _add_env(line: Line, run: Run, containers: list[dict[str, Any]]) -> None:
    variables = {text(entry, "name"): entry for container in containers for entry in entries(container, "env")}
    if any("env" in container and container["env"] is None for container in containers):
        variables |= _all_removed(line, run, containers)
    line.guess("variables that had their value already, or were not there to be removed")
    source = _source(run, list(variables.values()))
    if source:
        _add_source(line, run, source, variables)
    else:
        for name, entry in variables.items():
            line.add(f"{name}-" if entry.get("$patch") == "delete" else line.assign(name, text(entry, "value")))
    _add_container(line, run, containers)


def _all_removed(line: Line, run: Run, containers: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the variables of containers that have none afterwards, as far as those before were recorded."""
    before = run.look_at(run.main.thing)
    emptied = {text(container, "name") for container in containers if "env" in container and container["env"] is None}
    known = _pod_spec(before.response) if before else None
    names = [
        text(entry, "name") for container in entries(known, "containers") if text(container, "name") in emptied
        for entry in entries(container, "env")
    ]
    if not names:
        line.guess("which variables were removed: those before were not recorded")
    return {name: {"$patch": "delete"} for name in names or ["<name>"]}


def _source(run: Run, variables: list[dict[str, Any]]) -> tuple[str, str, str] | None:
    """Give kind, name and the member that refers to it, of the object whose keys became variables."""
    for member, kind in _REFERENCES:
        names = {text(entry, "valueFrom", member, "name") for entry in variables}
        if len(names) == 1 and "" not in names:
            return kind, names.pop(), member
    return None


def _add_source(line: Line, run: Run, source: tuple[str, str, str], variables: dict[str, dict[str, Any]]) -> None:
    kind, name, member = source
    keys = {text(entry, "valueFrom", member, "key"): variable for variable, entry in variables.items()}
    line.flag("from", f"{kind}/{name}")
    key, variable = next(iter(keys.items()))
    tail = key.upper().replace("-", "_").replace(".", "_")
    if variable.endswith(tail) and variable != tail:
        line.flag("prefix", variable.removesuffix(tail))
    read = run.look_at(("", f"{kind}s", run.main.event.namespace, name))
    known = pairs(read.response, "data") if read else {}
    if (known and set(known) != set(keys)) or (not known and len(keys) == 1):
        line.flag("keys", ",".join(keys))
        line.lacks("" if known else "whether --keys was typed")


def _add_resources(line: Line, run: Run, containers: list[dict[str, Any]]) -> None:
    for kind in ("limits", "requests"):
        values = pairs(containers[0], "resources", kind)
        line.flag_if(kind, joined(values))
    _add_container(line, run, containers)


def _add_container(line: Line, run: Run, containers: list[dict[str, Any]]) -> None:
    if len(containers) == 1 and len(run.deeds) == 1:
        line.short("-c", text(containers[0], "name"))


_BY_MEMBER: Final[tuple[tuple[str, str, Callable[[Line, Run, list[dict[str, Any]]], None]], ...]] = (
    ("image", "image", _add_images),
    ("env", "env", _add_env),
    ("resources", "resources", _add_resources),
)


def _selector(run: Run) -> Line:
    """Tell ``set selector``, which replaces all of it: the change over what was read before."""
    line = add_targets(Line("set", "selector"), run)
    change = part(run.main.body, "spec", "selector")
    before = run.look_at(run.main.thing)
    if not isinstance(change, dict):
        return line.add("<selector>").guess("the selector: the body was not recorded")
    whole = {**pairs(before.response, "spec", "selector"), **change} if before else change
    line.add(joined({key: str(value) for key, value in whole.items() if value is not None}) or "<selector>")
    line.because("body: spec.selector")
    return line if _is_known(before) else line.guess("what was selected before: it was not recorded")


def _subject(run: Run) -> Line:
    """Tell ``set subject``, which adds to what was read before."""
    line = add_targets(Line("set", "subject"), run)
    before = run.look_at(run.main.thing)
    if not run.main.has_body:
        return line.flag("user", "<name>").guess("the subjects: the body was not recorded")
    after = entries(run.main.body, "subjects")
    line.because("body: subjects")
    if not _is_known(before):  # kubectl adds new ones at the end (pkg/cmd/set/set_subject.go)
        add_subjects(line, after[-1:])
        return line.guess("which of the other subjects were there before: it was not recorded")
    known = {_identity(subject) for subject in entries(before.response if before else None, "subjects")}
    add_subjects(line, [subject for subject in after if _identity(subject) not in known])
    return line


def _is_known(before: Request | None) -> bool:
    return before is not None and isinstance(before.response, dict)


def _identity(subject: dict[str, Any]) -> tuple[str, str, str]:
    return text(subject, "kind"), text(subject, "namespace"), text(subject, "name")


def add_subjects(line: Line, subjects: list[dict[str, Any]]) -> None:
    """Add the flags for the subjects of a binding."""
    for subject in subjects:
        kind, namespace, name = _identity(subject)
        if kind == "ServiceAccount":
            line.flag("serviceaccount", f"{namespace}:{name}")
        elif kind in ("User", "Group"):
            line.flag(kind.lower(), name)
