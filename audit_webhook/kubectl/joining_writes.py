"""Whether a write or session goes on with the command that sent the writes before it.

Two different writes are never one command: the same field manager, the same options and, where a command makes one
change to many objects, the same change.
"""

from __future__ import annotations

from typing import Final

from audit_webhook.kubectl.nodes import drained_node
from audit_webhook.kubectl.request import Request
from audit_webhook.kubectl.run import Run
from audit_webhook.kubectl.sessions import is_resumed
from audit_webhook.kubectl.values import part

_MILLISECOND: Final = 1_000
_SECOND: Final = 1_000_000
_FILES: Final = frozenset({"kubectl-client-side-apply", "kubectl-create", "kubectl-replace"})
_SAME_CHANGE: Final = frozenset({"kubectl-label", "kubectl-annotate"})
_RIGHTS: Final = "rbac.authorization.k8s.io"


def continues(run: Run, request: Request, gap: int) -> bool:
    """Whether a write or session belongs to a run that has some already."""
    last = run.deeds[-1]
    if request.role == "session":
        return bool(_continues_session(run, last, request, gap))
    if last.role == "session" and request.event.verb != "delete":
        return False
    if request.event.subresource == "eviction":
        return _drains(run) and gap <= 10 * _SECOND
    if request.event.dry_run != last.event.dry_run:
        return False
    if request.event.verb == "delete":
        return _continues_delete(run, last, request, gap)
    if last.event.verb == "delete":
        replaces = request.manager in _FILES and request.thing in run.touched
        return replaces and gap <= 30 * _SECOND
    if request.event.resource == "services" and request.manager == "kubectl-run":
        return last.manager == "kubectl-run" and gap <= _SECOND
    if request.manager == "kubectl-last-applied":
        return request.thing in run.touched and gap <= _SECOND
    return _is_same_write(run, last, request, gap)


def _is_same_write(run: Run, last: Request, request: Request, gap: int) -> bool:
    if (last.manager, last.event.subresource) != (request.manager, request.event.subresource):
        return False
    if last.parameter("force") != request.parameter("force") or ("force" in last.parameters) != (
        "force" in request.parameters
    ):
        return False
    if request.thing in run.touched and request.event.verb != "create":
        return request.event.verb == last.event.verb and last.is_refused and gap <= 2 * _SECOND
    if _brings_files(run, request):
        return gap <= (250 if run.has_openapi or len(run.reads) else 60) * _MILLISECOND
    if request.event.api_group == _RIGHTS and not request.manager:
        return last.event.api_group == _RIGHTS and gap <= 500 * _MILLISECOND
    if last.event.verb != request.event.verb or request.event.verb not in ("patch", "update"):
        return False
    if not _changes_alike(last, request):
        return False
    looked = request.thing in run.seen or any(read.event.resource == request.event.resource for read in run.lists())
    return gap <= (500 if looked else 60) * _MILLISECOND


def _brings_files(run: Run, request: Request) -> bool:
    if request.event.verb not in ("create", "patch", "update"):
        return False
    is_checked = "fieldValidation" in request.parameters and request.manager not in ("kubectl-edit", "kubectl-taint")
    return request.manager in _FILES or is_checked


def _changes_alike(last: Request, request: Request) -> bool:
    """Whether two changes are one: what differs from object to object by nature is not compared."""
    if request.manager in ("kubectl-set", "kubectl-edit", "kubectl-taint", "kubectl-rollout"):
        return bool(part(last.body, "spec", "paused") == part(request.body, "spec", "paused"))
    if request.event.subresource == "approval":
        return True
    if request.manager in _SAME_CHANGE:
        return _without_nulls(last.body) == _without_nulls(request.body)
    return bool(last.body == request.body)


def _without_nulls(body: object) -> object:
    """Give a change without what it takes away: a label that is not there is not taken away either."""
    if not isinstance(body, dict):
        return body
    return {key: _without_nulls(value) for key, value in body.items() if value is not None}


def _continues_session(run: Run, last: Request, request: Request, gap: int) -> bool:
    same_pod = last.thing == request.thing
    if request.event.subresource == "log" and last.event.subresource == "log":
        return gap <= _SECOND and _logs_alike(run, last, request)
    if last.role != "session":
        made = last.manager == "kubectl-run" or last.event.subresource == "ephemeralcontainers" or _copied(run, last)
        return same_pod and made and gap <= 10 * _SECOND
    if not same_pod:
        return False
    if last.uri == request.uri and last.is_refused and last.event.verb != request.event.verb:
        return gap <= _SECOND
    if "log" in (last.event.subresource, request.event.subresource):
        return any(deed.role == "write" for deed in run.deeds) and gap <= 10 * _SECOND
    if is_resumed(last) and is_resumed(request):
        return gap <= 60 * _SECOND
    tested = last.parameters.get("command", [])[:2] == ["test", "-d"]
    unpacks = request.parameters.get("command", [])[:1] == ["tar"] and request.is_set("stdin")
    return tested and unpacks and gap <= 5 * _SECOND


def _logs_alike(run: Run, last: Request, request: Request) -> bool:
    """Whether two logs were asked for in the same way: of another container, or of another pod that was found."""
    differing = {
        name for name in {*last.parameters, *request.parameters}
        if last.parameters.get(name) != request.parameters.get(name)
    }
    if not differing <= {"container"} or any(deed.uri == request.uri for deed in run.deeds):
        return False
    return last.thing == request.thing or bool(run.lists("pods"))


def _copied(run: Run, last: Request) -> bool:
    return last.event.verb == "create" and last.event.resource == "pods" and not last.manager and bool(run.gets())


def _continues_delete(run: Run, last: Request, request: Request, gap: int) -> bool:
    first = run.deeds[0]
    if first.manager == "kubectl-run" and first.event.resource == "pods":
        return request.thing == first.thing and gap <= 10 * _SECOND
    if _copied(run, last):
        return request.thing in run.seen and gap <= _SECOND
    if last.event.verb != "delete":
        if _drains(run) and request.event.resource == "pods":
            return gap <= 10 * _SECOND
        refused = last.is_refused and request.thing == last.thing and last.manager in _FILES
        return refused and gap <= _SECOND
    if _drains(run):
        return gap <= 10 * _SECOND
    waits = any(read.start >= last.start and read.thing in run.touched and read.event.name for read in run.reads)
    return last.body == request.body and not waits and gap <= 300 * _MILLISECOND


def _drains(run: Run) -> bool:
    return any(drained_node(read) for read in run.reads)
