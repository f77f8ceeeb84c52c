"""The command ``delete`` with all its flags, and its equivalents."""

from __future__ import annotations

from typing import Final

from audit_webhook.kubectl.line import Line
from audit_webhook.kubectl.nodes import drain
from audit_webhook.kubectl.objects import add_chosen, add_everywhere, add_objects, add_types
from audit_webhook.kubectl.raw import tell_raw
from audit_webhook.kubectl.reads import ALL
from audit_webhook.kubectl.registry import command
from audit_webhook.kubectl.request import Request
from audit_webhook.kubectl.run import Run
from audit_webhook.kubectl.values import part, text

_CASCADES: Final = {"Foreground": "foreground", "Orphan": "orphan"}


@command("delete")
def delete(run: Run) -> Line | None:
    """Tell ``delete``, ``drain --disable-eviction``, or the raw path when nothing was sent with it."""
    first = run.main
    if first.event.resource == "pods" and (line := drain(run)):
        return line
    if first.is_kubectl and _was_bare(first):
        return tell_raw(run)
    return add_options(_add_deleted(Line("delete"), run), first)


def _was_bare(request: Request) -> bool:
    """Whether no options were sent, which kubectl always does; a refused request has its body not recorded."""
    return not request.lacks_bodies and not request.has_body and request.event.code not in (401, 403, None)


def _add_deleted(line: Line, run: Run) -> Line:
    lists = [each for each in run.lists() if not each.parameter("limit")]
    resources = {deed.event.resource for deed in run.deeds}
    if not lists or not resources & {each.event.resource for each in lists}:
        return add_objects(line, run.deeds)
    if {each.event.resource for each in lists} >= ALL:
        line.add("all")
    else:
        add_types(line, lists)
    add_chosen(line, lists[0])
    line.because("a list before, and then each of its objects")
    return line if lists[0].parameter("labelSelector") or lists[0].parameter("fieldSelector") else line.flag("all")


def add_options(line: Line, request: Request) -> Line:
    """Add what DeleteOptions ask for (meta/v1): cascade and grace period; dry run is a flag of all commands."""
    body = request.body
    policy = text(body, "propagationPolicy") or request.parameter("propagationPolicy")
    if policy in _CASCADES:
        line.flag("cascade", _CASCADES[policy])
    elif part(body, "orphanDependents") is True:
        line.flag("cascade", "orphan")
    grace = part(body, "gracePeriodSeconds")
    if grace is None:
        grace = request.parameter("gracePeriodSeconds") or None
    if grace in (0, "0"):
        line.flag("grace-period", 0).flag("force")
    elif grace in (1, "1"):
        line.flag("now").lacks("--now or --grace-period=1")
    elif isinstance(grace, int | str):
        line.flag("grace-period", grace)
    if body is None and request.lacks_bodies:
        line.lacks("--dry-run, --cascade and --grace-period: they stand in the body, which was not recorded")
    return line.lacks("--wait and -f")


@command("deletecollection")
def delete_collection(run: Run) -> Line | None:
    """Tell the command that has the effect of a deletecollection, which kubectl itself never sends."""
    first = run.main
    if first.is_kubectl:
        return tell_raw(run)
    line = add_types(Line("delete"), [first])
    add_chosen(line, first)
    add_everywhere(line, [] if "-A" in line.flags else [first])
    if not first.parameter("labelSelector") and not first.parameter("fieldSelector"):
        line.flag("all")
    return add_options(line, first)
