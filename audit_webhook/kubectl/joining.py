"""Whether a request belongs to the command whose first requests are known: what kubectl sends after what, and when.

Times are those of the apiserver: a request of the same kubectl comes within milliseconds of the answer before it, while
a new kubectl takes some hundredths of a second to start. Only where the content ties two requests together more time
may lie between them.
"""

from __future__ import annotations

from typing import Final

from audit_webhook.kubectl.joining_writes import continues, patience
from audit_webhook.kubectl.nodes import drained_node
from audit_webhook.kubectl.request import Request
from audit_webhook.kubectl.run import Run
from audit_webhook.kubectl.sessions import is_resumed
from audit_webhook.kubectl.traits import from_files, gathers
from audit_webhook.kubectl.values import text

MILLISECOND: Final = 1_000
SECOND: Final = 1_000_000
NEAR: Final = 120 * MILLISECOND
SOON: Final = 500 * MILLISECOND
POLL: Final = 1_200 * MILLISECOND
CREATE_POLL: Final = 750 * MILLISECOND
PRELUDE: Final = 3 * SECOND
READ_BEFORE: Final = 2 * SECOND
DRAIN_POLL: Final = 7 * SECOND
QUIET: Final = 10 * SECOND
LONGEST: Final = 60 * SECOND
EDITING: Final = 600 * SECOND
SKEW: Final = 2 * MILLISECOND

NO: Final = 0
MAYBE: Final = 1
YES: Final = 2

_WORKLOADS: Final = frozenset(
    "deployments statefulsets daemonsets replicasets replicationcontrollers services jobs cronjobs".split()
)
_FROM_FILES: Final = frozenset({"kubectl-create", "kubectl-replace"})
_OWN_MANAGERS: Final = frozenset({
    "kubectl-client-side-apply", "kubectl", "kubectl-create", "kubectl-replace", "kubectl-label", "kubectl-annotate",
    "kubectl-taint", "kubectl-set", "kubectl-edit", "kubectl-rollout", "kubectl-patch", "kubectl-autoscale",
    "kubectl-expose", "",
})


def fit(run: Run, request: Request) -> int:
    """Tell whether a request goes on with a run: NO, MAYBE if something follows that does, or YES."""
    gap = request.start - run.end
    if gap > QUIET and not _may_pause(request, gap):
        return NO
    if not request.is_kubectl or not _is_same_client(run, request):
        return NO
    if not run.deeds and not run.reads:
        return YES if not request.is_dispatcher and gap <= _after_prelude(run) else NO
    if request.role == "prelude":
        again = any(prelude.path == request.path for prelude in run.preludes)
        return MAYBE if gap <= 2 * NEAR and not request.is_dispatcher and not again else NO
    if request.role == "read":
        return _fit_read(run, request, gap)
    if run.deeds:
        return YES if continues(run, request, gap) else NO
    return YES if _prepares(run, request, gap) else NO


def _may_pause(request: Request, gap: int) -> bool:
    """Whether a request may come long after another: after an editor, a lost copy, an object that had to end."""
    if request.event.verb == "patch":
        return gap <= EDITING
    return gap <= LONGEST and (request.role == "session" or request.event.verb == "create")


def _after_prelude(run: Run) -> int:
    """Return how long after it the command itself may begin: a dispatcher still has to start another program."""
    return SOON if run.preludes[-1].is_dispatcher else 2 * NEAR


def _is_same_client(run: Run, request: Request) -> bool:
    """Whether the same kubectl sent it; a dispatcher's own request comes before those of the kubectl it starts."""
    last = run.requests[-1]
    return last.event.user_agent == request.event.user_agent or last.is_dispatcher or request.is_dispatcher


def _fit_read(run: Run, request: Request, gap: int) -> int:
    if _checks_namespace(run, request) and gap <= SOON:
        return YES
    if run.deeds:
        return _follows(run, request, gap)
    return YES if _reads_together(run, request, gap) else NO


def _checks_namespace(run: Run, request: Request) -> bool:
    """Whether kubectl looks if the namespace of what it did not find exists (cli-runtime resource/visitor.go)."""
    last = run.requests[-1].event
    event = request.event
    return event.resource == "namespaces" and event.verb == "get" and last.code == 404 and last.namespace == event.name


def _reads_together(run: Run, request: Request, gap: int) -> bool:
    """Whether a read goes on with a run of nothing but reads."""
    last, event = run.reads[-1], request.event
    if event.verb == "list" and event.resource == "nodes" and last.event.api_group == "metrics.k8s.io":
        return gap <= SOON and last.event.resource == "nodes" and last.parameters == request.parameters
    if "continue" in request.parameters:
        return gap <= PRELUDE and any(read.path == request.path for read in run.reads)
    if event.verb == "watch":
        return gap <= POLL and any(_leads_to_watch(read, request) for read in run.reads)
    if event.verb == "list" and event.name:
        return gap <= SOON and bool(run.seen)
    if any(read.end > request.start + SKEW and _is_kept_up(read) for read in run.reads):
        return False
    if event.verb == "list" and event.resource == "pods" and not request.parameter("limit"):
        if any(read.event.resource in _WORKLOADS and read.event.namespace == event.namespace for read in run.reads):
            return gap <= SOON
    if _is_dumped(run.reads[0]) and event.verb == "list" and not request.parameters and not request.is_table:
        return gap <= 2 * NEAR
    if event.verb == "get" and any(read.thing == request.thing for read in run.reads):
        return _is_read_again(run, request, gap)
    if request.parameter("fieldSelector").startswith("involvedObject."):
        return gap <= 2 * NEAR and not request.is_table
    if event.verb == "get" and last.event.verb == "watch" and "allowWatchBookmarks" in last.parameters:
        return gap <= 2 * NEAR and not request.is_table
    return gap <= patience(run) and _is_like(run, request)


def _is_kept_up(read: Request) -> bool:
    """Whether a request stays open while others are sent, as a watch does."""
    return read.event.verb == "watch" or read.is_open


def _is_read_again(run: Run, request: Request, gap: int) -> bool:
    """Whether an object is read once more: by describe, or because it was not there yet (``wait --for=create``)."""
    before = next(read for read in reversed(run.reads) if read.thing == request.thing)
    if request.is_table or before.is_table:
        return False
    if before.event.code == 404:
        return request.start - before.start <= CREATE_POLL and len(run.reads) == len(run.gets()) + _checks(run)
    return gap <= patience(run)


def _checks(run: Run) -> int:
    """Return how many looks at a namespace followed on what was not found."""
    return sum(read.event.resource == "namespaces" for read in run.reads[1:])


def _is_dumped(first: Request) -> bool:
    """Whether all nodes are listed without paging, with which ``cluster-info dump`` begins."""
    return first.path == "/api/v1/nodes" and not first.parameters and not first.is_table


def _is_like(run: Run, request: Request) -> bool:
    """Whether two reads are printed in the same way, and it is not the same question again."""
    shown = {read.is_table for read in run.reads} - {None}
    if request.is_table is not None and shown and request.is_table not in shown:
        return False
    if request.event.verb == "list" and any(read.uri == request.uri for read in run.reads):
        return False
    table = request.is_table is not False
    if table and (request.event.verb != run.reads[-1].event.verb) and request.thing not in run.seen:
        return request.is_table is None
    if request.event.verb == "list" and table:
        return request.event.namespace == run.reads[-1].event.namespace
    return not (table and request.thing in run.seen and request.is_table)


def _leads_to_watch(read: Request, watch: Request) -> bool:
    if read.event.resource != watch.event.resource or read.event.namespace != watch.event.namespace:
        return False
    return not watch.event.name or read.event.name in ("", watch.event.name)


def _prepares(run: Run, deed: Request, gap: int) -> bool:
    """Whether the reads of a run are those that kubectl makes before a write or session."""
    is_unnamed = deed.lacks_managers or _is_named_by_user(deed)
    edits = deed.manager == "kubectl-edit" or (deed.event.verb == "patch" and is_unnamed)
    patience_of = EDITING if edits else READ_BEFORE
    if gap > patience_of or (deed.manager in _FROM_FILES and _read_before_schema(run)):
        return False
    event = deed.event
    if any(read.is_table for read in run.reads) or _applies_blindly(deed) or _replaces_blindly(deed):
        return False
    if any(_listed(read, deed) for read in run.reads):
        return True
    if deed.thing in run.seen:  # a deletion looks at nothing before; debug does, and then replaces a pod
        return event.verb != "delete" or event.resource == "pods"
    if gap > READ_BEFORE:
        return False
    if event.verb == "create" and event.resource != "pods":
        near = gap <= SOON
        return near and any(read.event.verb == "get" and read.event.namespace == event.namespace for read in run.reads)
    if event.resource == "pods" and event.verb == "create" and not event.subresource:
        return not deed.manager and any(read.event.resource in ("pods", "nodes") for read in run.gets())
    return any(drained_node(read) for read in run.reads) and event.resource == "pods"


def _applies_blindly(deed: Request) -> bool:
    """Whether it is an apply on the server's side, which reads nothing before; diff does."""
    return deed.event.verb == "patch" and "force" in deed.parameters and not deed.event.dry_run


def _replaces_blindly(deed: Request) -> bool:
    """Whether it replaces an object by one that names its version, which is then not looked up (resource/helper.go).

    A manifest has no UID unless it was read from the cluster, and then it has the version too.
    """
    is_replace = deed.manager == "kubectl-replace" and deed.event.verb == "update"
    return is_replace and bool(text(deed.body, "metadata", "uid"))


def _is_named_by_user(deed: Request) -> bool:
    """Whether a checked write names a field manager of the user's own, as edit with ``--field-manager`` does."""
    return "fieldValidation" in deed.parameters and "force" not in deed.parameters and deed.manager not in _OWN_MANAGERS


def _read_before_schema(run: Run) -> bool:
    """Whether an object was read before the schema: commands that send files do it the other way around."""
    schemas = [prelude.start for prelude in run.preludes if prelude.path.startswith("/openapi/")]
    return bool(schemas) and run.reads[0].start < min(schemas)


def _listed(read: Request, deed: Request) -> bool:
    same = read.event.resource == deed.event.resource and read.event.verb == "list" and not read.event.name
    if read.parameter("limit") and (deed.manager or deed.event.resource != "nodes"):
        return False  # only drain and cordon page through what they choose from
    return same and read.event.namespace in ("", deed.event.namespace)


def _follows(run: Run, request: Request, gap: int) -> int:
    """Judge a read after a write or session."""
    deed = run.deeds[-1]
    event = request.event
    if deed.event.verb == "delete" and request.thing in run.touched and event.resource == deed.event.resource:
        if request.is_table or deed.event.dry_run:
            return NO
        if any(drained_node(read) for read in run.reads):
            return YES
        if any(read.thing == request.thing and read.event.code == 404 for read in run.reads):
            return MAYBE if gap <= patience(run) else NO
        if gap <= SOON:
            return YES
        polls = run.requests[-1].thing == request.thing and run.requests[-1].event.verb == event.verb == "get"
        return MAYBE if polls and gap <= POLL else NO
    if any(drained_node(read) for read in run.reads) or drained_node(request):
        return _follows_drain(run, request, gap)
    if event.resource == "pods" and request.thing in run.touched and deed.event.resource in ("pods", "services"):
        if gap <= PRELUDE and (event.verb in ("watch", "list") or _is_looked_at_again(run, deed)):
            return YES
    if event.verb in ("watch", "list") and request.thing in run.touched and event.name:
        return YES if gap <= POLL else NO
    if deed.event.subresource == "scale" and event.subresource == "scale" and request.thing in run.touched:
        return YES if gap <= POLL else NO
    if deed.event.subresource == event.subresource == "scale" and event.verb == "get" and request.thing in run.seen:
        return YES if gap <= SOON else NO
    if event.verb == "list" and _is_pruning(run, request) and gap <= SOON:
        return YES
    if request.is_table or deed.role == "session" and deed.event.subresource != "exec":
        return NO
    if gap < -SKEW or gathers(deed) or deed.manager not in _OWN_MANAGERS:
        return NO
    return MAYBE if gap <= patience(run) and _may_go_on(run, request) else NO


def _may_go_on(run: Run, request: Request) -> bool:
    """Whether a command that goes from object to object may read this one next: with files, it may be anywhere."""
    deed, event = run.deeds[-1], request.event
    if event.verb not in ("get", "list"):
        return False
    return event.namespace == deed.event.namespace or event.resource == "namespaces" or from_files(deed)


def _is_looked_at_again(run: Run, deed: Request) -> bool:
    """Whether a pod is read once more: between the steps of cp, and before run takes it away."""
    if deed.event.subresource == "exec":
        return deed.parameters.get("command", [])[:2] == ["test", "-d"] or is_resumed(deed)
    return deed.event.subresource == "attach" and run.deeds[0].role == "write"


def _follows_drain(run: Run, request: Request, gap: int) -> int:
    event = request.event
    cordoned = any(deed.event.resource == "nodes" for deed in run.deeds)
    if drained_node(request):
        again = any(read.uri == request.uri for read in run.reads)  # to name the pods that are left
        return YES if gap <= (DRAIN_POLL if again else SOON) and cordoned else NO
    if event.resource == "daemonsets" and event.verb == "get":
        return YES if gap <= SOON else NO
    if event.resource != "pods":
        return NO
    return YES if request.thing in run.touched and gap <= DRAIN_POLL and not request.is_table else NO


def _is_pruning(run: Run, request: Request) -> bool:
    manager = run.deeds[0].manager
    applied = manager == "kubectl-client-side-apply" or "fieldValidation" in run.deeds[0].parameters
    return applied and not request.parameter("limit") and not request.is_table and not request.event.name
