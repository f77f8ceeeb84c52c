"""Commands that bring objects from files: apply in its forms, diff, create, replace."""

from __future__ import annotations

from typing import Final

from audit_webhook.kubectl.line import Line
from audit_webhook.kubectl.manifests import last_applied
from audit_webhook.kubectl.objects import add_objects
from audit_webhook.kubectl.raw import tell_raw
from audit_webhook.kubectl.registry import command
from audit_webhook.kubectl.request import Request
from audit_webhook.kubectl.run import Run
from audit_webhook.kubectl.values import text

CLIENT_SIDE: Final = "kubectl-client-side-apply"
SERVER_SIDE: Final = "kubectl"


def from_file(line: Line, run: Run, *managers: str) -> Line:
    """Add ``-f -`` with what was sent, and the managers that need no mention."""
    line.short("-f").short("-")
    line.flag_if("subresource", run.main.event.subresource)
    line.sent = _sent(run)
    line.standard_managers = managers
    line.lacks("the name of the file")
    is_known = all(request.has_body for request in line.sent)
    return line if is_known else line.lacks("what was in the file: it was not recorded")


def _sent(run: Run) -> list[Request]:
    return [deed for deed in run.deeds if deed.event.verb in ("create", "update", "patch")]


@command("create", "patch", "update", manager=CLIENT_SIDE, subresource="*")
def apply(run: Run) -> Line | None:
    """Tell ``apply`` of the client-side kind, ``diff``, or one of the commands for the noted manifest."""
    if is_diff(run.main):
        return _diff(Line("diff"), run)
    if _edits_last_applied(run):
        line = add_objects(Line("apply", "edit-last-applied"), run.deeds)
        line.standard_managers = (CLIENT_SIDE,)
        return line.because("only the noted manifest was changed, and the object was read before the schema")
    line = from_file(Line("apply"), run, CLIENT_SIDE)
    _add_prune(line, run)
    if not run.preludes and _changes_only_annotations(run.main.body):
        line.guess("whether edit-last-applied was run: when the schema was read was not recorded")
    if any(deed.event.verb == "delete" for deed in run.deeds):
        line.flag("force")
    return line


def is_diff(request: Request) -> bool:
    """Whether a dry run is of ``diff``, which has nothing checked and notes no manifest."""
    if not request.event.dry_run or "fieldValidation" in request.parameters:
        return False
    return not request.has_body or last_applied(request.body) is None


def _diff(line: Line, run: Run) -> Line:
    from_file(line.because("a dry run without field validation"), run, CLIENT_SIDE, SERVER_SIDE)
    if any(request.event.verb == "patch" for request in line.sent):
        line.sent = []  # a patch of diff is not what the file held
    return line


def _edits_last_applied(run: Run) -> bool:
    """Whether the object was read before the schema, which apply does the other way around."""
    reads = [read for read in run.reads if read.thing == run.main.thing]
    if run.main.event.verb != "patch" or not reads or not run.preludes:
        return False
    schemas = [prelude for prelude in run.preludes if prelude.path.startswith("/openapi/")]
    if not schemas or schemas[0].start < reads[0].start:
        return False
    return not run.main.has_body or _changes_only_annotations(run.main.body)


def _changes_only_annotations(body: object) -> bool:
    return isinstance(body, dict) and set(body) == {"metadata"} and last_applied(body) is not None


def _add_prune(line: Line, run: Run) -> None:
    pruned = [each for each in run.lists() if each.start > run.deeds[0].start]
    if len(pruned) > 2:
        line.flag("prune").because("lists of many types after the write, as --prune makes them")
        if selector := pruned[0].parameter("labelSelector"):
            line.short("-l", selector)
        else:
            line.flag("all")


def tell_server_side(run: Run) -> Line:
    """Tell ``apply --server-side`` or its ``diff``, which always say whether to force."""
    first = run.main
    verb = "diff" if is_diff(first) and first.is_kubectl else "apply"
    line = Line(verb).flag("server-side").because("force= in the query, which server-side apply always sends")
    if first.is_set("force"):
        line.flag("force-conflicts")
    return from_file(line, run, SERVER_SIDE)


@command("patch", manager=SERVER_SIDE, subresource="*")
def apply_server_side(run: Run) -> Line | None:
    """Tell ``apply --server-side`` by its field manager."""
    return tell_server_side(run) if "force" in run.main.parameters else None


@command("update", manager="kubectl-replace", subresource="*")
@command("create", manager="kubectl-replace")
def replace(run: Run) -> Line | None:
    """Tell ``replace``; with a create it was ``--force``."""
    line = from_file(Line("replace"), run, "kubectl-replace")
    removal = next((deed for deed in run.deeds if deed.event.verb == "delete"), None)
    if removal is not None:
        line.flag("force")
        grace = text(removal.body, "gracePeriodSeconds")
        line.flag_if("grace-period", "0" if grace == "1" else grace)  # kubectl sends 1 for 0 here
    return line


@command("update", subresource="*")
def update(run: Run) -> Line | None:
    """Tell an update without a field manager of kubectl's own."""
    first = run.main
    if not first.is_kubectl:
        return None
    if "fieldValidation" in first.parameters or first.lacks_managers:
        return from_file(Line("replace"), run)
    return tell_raw(run)


def tell_create(run: Run) -> Line:
    """Tell ``create -f``."""
    line = from_file(Line("create"), run, "kubectl-create")
    if run.has_openapi:
        line.because("the API's schema was read before, as for files")
    return line
