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
from audit_webhook.kubectl.traits import FILES, from_files, gathers, is_made_by_flags
from audit_webhook.kubectl.values import part, text

_MILLISECOND: Final = 1_000
_SECOND: Final = 1_000_000
_SAME_CHANGE: Final = frozenset({"kubectl-label", "kubectl-annotate"})
_UNTIED: Final = 45 * _MILLISECOND
_MOST_UNTIED: Final = 120 * _MILLISECOND
_RIGHTS: Final = "rbac.authorization.k8s.io"


def patience(run: Run) -> int:
    """Return how long after the last answer the same kubectl goes on with something else, in microseconds.

    Another kubectl needs about 50 ms to start (measured with 1.20 to 1.37), and four trips over the network where this
    one needs one: where the requests of a run are known to be far apart, more time is allowed.
    """
    return max(_UNTIED, min(_MOST_UNTIED, 2 * run.pace))


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
        replaces = request.manager in FILES and request.thing in run.touched
        return replaces and gap <= 30 * _SECOND
    if request.event.resource == "services" and request.manager == "kubectl-run":
        return last.manager == "kubectl-run" and gap <= _SECOND
    if request.manager == "kubectl-last-applied":
        return request.thing in run.touched and gap <= _SECOND
    return _is_same_write(run, last, request, gap)


def _is_same_write(run: Run, last: Request, request: Request, gap: int) -> bool:
    if _migrates(run, request):
        return gap <= _SECOND
    first = next((deed for deed in run.deeds if deed.event.verb != "delete"), last)
    if (first.manager, last.event.subresource) != (request.manager, request.event.subresource):
        return False
    if first.parameters.get("force") != request.parameters.get("force"):
        return False
    if request.thing in run.touched and request.event.verb != "create":
        again = [deed for deed in run.deeds if deed.thing == request.thing][-1]
        return request.event.verb == again.event.verb and again.is_refused and gap <= 2 * _SECOND
    if gap < -_MILLISECOND * 2:
        return False
    if from_files(request):
        return not is_made_by_flags(request) and gap <= _allowed(run, request)
    if request.event.api_group == _RIGHTS and not request.manager:
        return last.event.api_group == _RIGHTS and gap <= 500 * _MILLISECOND
    if last.event.verb != request.event.verb or request.event.verb not in ("patch", "update"):
        return False
    return _changes_alike(last, request) and _is_chosen(run, last, request, gap)


def _migrates(run: Run, request: Request) -> bool:
    """Whether server-side apply takes over from an older manager: it notes the manifest, merges the managers' lists,

    and applies once more (kubectl pkg/cmd/apply, migrateToSSAIfNecessary).
    """
    own = [deed for deed in run.deeds if deed.thing == request.thing]
    if not own or request.event.verb != "patch" or request.event.dry_run != own[-1].event.dry_run:
        return False
    if request.manager == "kubectl-last-applied":
        return True
    return request.manager == run.deeds[0].manager and own[0] is not own[-1] and (
        own[-1].manager == "kubectl-last-applied" or "force" not in own[-1].parameters
    )


def _allowed(run: Run, request: Request) -> int:
    """Return how long a write may follow: the time to read a schema, where its object was read just before."""
    before = run.requests[-1]
    is_tied = before.role == "read" and (before.thing == request.thing or before.event.name == request.event.namespace)
    return 500 * _MILLISECOND if is_tied else patience(run)


def _is_chosen(run: Run, last: Request, request: Request, gap: int) -> bool:
    """Whether both changes were asked for in one go: chosen by a list, or read before by name."""
    lists = [read for read in run.lists(request.event.resource) if not read.is_table]
    if any(read.event.namespace in ("", request.event.namespace) for read in lists):
        return gap <= 500 * _MILLISECOND
    if request.event.namespace != last.event.namespace:
        return False
    if gathers(request) and run.reads and request.thing not in run.seen:
        return False
    return gap <= _allowed(run, request)


def _changes_alike(last: Request, request: Request) -> bool:
    """Whether two changes are one: what differs from object to object by nature is not compared."""
    if request.manager in ("kubectl-set", "kubectl-edit", "kubectl-taint", "kubectl-rollout"):
        return bool(part(last.body, "spec", "paused") == part(request.body, "spec", "paused"))
    if request.event.subresource == "approval":
        return True
    if request.event.subresource == "scale":
        return bool(part(last.body, "spec", "replicas") == part(request.body, "spec", "replicas"))
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
        if last.uri == request.uri and last.is_refused and request.is_set("follow"):
            return request.start - last.start <= 1_500 * _MILLISECOND  # kubectl asks again each second
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
    if _drains(run):
        evicts = any(deed.event.subresource == "eviction" for deed in run.deeds)
        if request.event.resource != "pods" or evicts or text(request.body, "propagationPolicy"):
            return False  # which drain leaves to the server, and delete names
        return (run.requests[-1].role == "write" or bool(drained_node(run.requests[-1]))) and gap <= 2 * _SECOND
    if last.event.verb != "delete":
        refused = last.is_refused and request.thing == last.thing and last.manager in FILES
        return refused and gap <= _SECOND
    waits = any(read.start >= last.start and read.thing in run.touched and read.event.name for read in run.reads)
    if last.body != request.body or waits or gap < -2 * _MILLISECOND or request.thing in run.touched:
        return False
    lists = [read for read in run.lists(request.event.resource) if not read.is_table]
    is_listed = any(read.event.namespace in ("", request.event.namespace) for read in lists)
    return gap <= (300 * _MILLISECOND if is_listed else patience(run))


def _drains(run: Run) -> bool:
    return any(drained_node(read) for read in run.reads)
