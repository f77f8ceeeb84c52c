"""Commands that only read: get, describe, events, top, wait, rollout status and history, cluster-info, explain."""

from __future__ import annotations

from collections import Counter
from typing import Final

from audit_webhook.kubectl.line import Line
from audit_webhook.kubectl.objects import add_chosen, add_everywhere, add_objects, add_types, is_everywhere, slashed
from audit_webhook.kubectl.raw import tell_raw
from audit_webhook.kubectl.registry import command
from audit_webhook.kubectl.request import Request
from audit_webhook.kubectl.run import Run

# The category "all" (k8s.io/kubernetes pkg/registry: CategoriesProvider of each of these).
ALL: Final = frozenset(
    "pods replicationcontrollers services daemonsets deployments replicasets statefulsets horizontalpodautoscalers "
    "cronjobs jobs".split()
)
ROLLED: Final = frozenset({"deployments", "statefulsets", "daemonsets"})
_READABLE: Final = frozenset({"", "status", "scale", "resize"})
"""Subresources that `kubectl get` takes (k8s.io/kubectl pkg/cmd/get)."""
REVISIONS: Final = frozenset({"replicasets", "controllerrevisions"})
_DUMPED: Final = frozenset({"replicationcontrollers", "services", "daemonsets", "deployments", "replicasets", "pods"})
_CHUNK: Final = "500"
_CLUSTER_SERVICES: Final = "kubernetes.io/cluster-service=true"
_ABOUT_OBJECT: Final = "involvedObject."


@command("get", "list", "watch", subresource="*")
def read(run: Run) -> Line | None:
    """Tell what a run of reads was: the specific ones first, ``get`` otherwise."""
    gets, lists = run.gets(), run.lists()
    for explainer in (_top, _cluster_info, _events, _await, _describe, _history):
        line = explainer(run, gets, lists)
        if line is not None:
            return line
    if run.main.event.subresource not in _READABLE:
        return tell_raw(run)
    if _is_missing_pod(run, gets):
        return _missing_pod(gets[0])
    if _is_raw(run, lists):
        line = tell_raw(run)
        return line.guess("whether a command that found nothing to do sent it") if line and lists else line
    return _get(run, gets, lists)


def _is_missing_pod(run: Run, gets: list[Request]) -> bool:
    """Whether a pod was not there and the namespace was then asked for, as far as known not for people to read."""
    if len(gets) != 1 or gets[0].event.resource != "pods" or gets[0].event.code != 404:
        return False
    return not run.lists() and any(read.event.resource == "namespaces" and not read.is_table for read in run.reads)


def _missing_pod(request: Request) -> Line:
    line = add_objects(Line("logs"), [request]).because("the pod was not found, and the answer was not to be a Table")
    line.arguments = line.arguments[1:] if len(line.arguments) == 2 else line.arguments
    return line.guess("logs, exec, attach, port-forward, wait or get: all of them begin like this")


def _get(run: Run, gets: list[Request], lists: list[Request]) -> Line:
    line = Line("get")
    watches = [each for each in run.reads if each.event.verb == "watch"]
    named = [each for each in run.reads if each.event.verb == "list" and each.event.name]
    if gets:
        add_objects(line, gets)
    elif named or (watches and not lists and watches[0].event.name):
        add_objects(line, named or watches)
    else:
        _add_lists(line, lists or watches)
    if watches:
        line.short("-w").because("watch=true")
    if run.main.event.subresource:
        line.flag("subresource", run.main.event.subresource)
    return _add_printing(line, run)


def _add_lists(line: Line, lists: list[Request]) -> None:
    resources = {listing.event.resource for listing in lists}
    if resources >= ALL:
        line.add("all")
        line.because("a list of each resource of the category all")
        add_everywhere(line, lists)
        if selector := lists[0].parameter("labelSelector"):
            line.short("-l", selector)
    else:
        add_types(line, lists)
        add_chosen(line, lists[0])
        if "-A" not in line.flags:
            add_everywhere(line, lists)
    if (size := lists[0].parameter("limit")) not in ("", _CHUNK):
        line.flag("chunk-size", size)


def _add_printing(line: Line, run: Run) -> Line:
    """Judge by the answer's kind whether kubectl printed it as ``get`` does."""
    tables = {each.is_table for each in run.reads if each.event.verb != "watch"}
    if True in tables:
        return line.because("the answer was a Table, as get asks for").lacks("-o wide and other ways to print")
    if False in tables:
        line.lacks("-o: the answer was no Table").guess("whether --raw was typed, or another command stopped here")
    else:
        line.guess("whether another command, such as describe or edit, stopped after this read")
    return line


def _is_raw(run: Run, lists: list[Request]) -> bool:
    """Whether the reads are of a form that only ``--raw`` sends."""
    first = run.main
    if len(run.reads) != 1 or not first.is_kubectl:
        return first.event.subresource == "proxy"
    if first.event.subresource in ("log", "proxy"):
        return True
    if not lists or first.is_table is not False:
        return False
    limit = first.parameter("limit")
    answer = first.response if isinstance(first.response, dict) else {}
    has_more = bool((answer.get("metadata") or {}).get("continue")) if limit else False
    return not limit or (has_more and "continue" not in first.parameters)


def _describe(run: Run, gets: list[Request], lists: list[Request]) -> Line | None:
    if any(each.is_table for each in run.reads) or not gets or not run.main.is_kubectl:
        return None
    times = Counter(each.thing for each in gets)
    about = [each for each in run.reads if each.parameter("fieldSelector").startswith(_ABOUT_OBJECT)]
    chosen = [each for each in lists if each.event.resource == gets[0].event.resource and each.start <= gets[-1].start]
    missed = gets[0].event.code == 404 and len(gets) > 1
    if gets[0].event.code == 404 and any(each.event.resource == gets[0].event.resource for each in lists):
        line = add_objects(Line("describe"), gets[:1]).because("what begins with the name was looked for")
        return line.guess("whether get was run, and then another command")
    if not (about or chosen or max(times.values()) > 1) or (max(times.values()) > 1 and gets[0].event.code == 404):
        return None
    if any(each.event.resource in REVISIONS and not each.parameter("limit") for each in lists) and not about:
        return None
    line = Line("describe")
    if chosen and not missed and run.reads[0].event.verb == "list":
        add_types(line, chosen[:1])
        add_chosen(line, chosen[0])
        line.because("a list and then each of its objects")
    else:
        add_objects(line, gets[:1] if missed else [each for each in gets if each.thing in _twice(times)] or gets)
        line.because("read twice, as describe does" if not about else "its events were read too")
    if run.main.lacks_bodies:
        line.guess("whether get was run twice: answers were not recorded")
    return line


def _twice(times: Counter[tuple[str, str, str, str]]) -> set[tuple[str, str, str, str]]:
    return {thing for thing, count in times.items() if count > 1}


def _history(run: Run, gets: list[Request], lists: list[Request]) -> Line | None:
    revisions = [each for each in lists if each.event.resource in REVISIONS and not each.parameter("limit")]
    if not revisions or not gets or gets[0].event.resource not in ROLLED:
        return None
    line = Line("rollout", "history").add(slashed(gets[0].event)).because("its revisions were listed")
    return line.guess("whether this was rollout undo with nothing to do").lacks("--revision")


def _await(run: Run, gets: list[Request], lists: list[Request]) -> Line | None:
    """Tell of waiting for an object: a list or watch of its name that a reflector keeps up (client-go)."""
    awaited = [
        each for each in run.reads
        if each.event.name and each.event.verb in ("list", "watch") and _is_reflector(each)
    ]
    polled = [each for each in gets if each.event.code == 404]
    if not awaited:
        if len(polled) < 2 or len({each.thing for each in polled}) > 1:
            return None
        line = add_objects(Line("wait"), polled[:1]).flag("for", "create").because("asked for again and again")
        return line.guess("whether get was run again and again")
    is_rollout = awaited[0].event.resource in ROLLED and len({each.thing for each in awaited}) == 1 and not lists
    if is_rollout:
        line = Line("rollout", "status").add(slashed(awaited[0].event))
        return line.because("watched by its name").guess("whether this was wait").lacks("--revision and --watch")
    line = Line("wait")
    if lists:
        add_types(line, lists[:1])
        add_chosen(line, lists[0])
        if not lists[0].parameter("labelSelector") and not lists[0].parameter("fieldSelector"):
            line.flag("all")
    else:
        add_objects(line, awaited)
    return line.flag("for", "<condition>").because("watched by its name").guess("--for: what was waited for")


def _is_reflector(request: Request) -> bool:
    return "allowWatchBookmarks" in request.parameters or (
        request.event.verb == "list" and request.parameter("resourceVersion") == "0"
    )


def _events(run: Run, gets: list[Request], lists: list[Request]) -> Line | None:
    first = run.main
    if first.event.resource != "events" or first.is_table is not False or gets:
        return None
    if first.event.verb != "list" or not first.parameter("limit"):
        return None
    line = Line("events")
    fields = dict(pair.split("=", 1) for pair in first.parameter("fieldSelector").split(",") if "=" in pair)
    if _ABOUT_OBJECT + "name" in fields:
        line.flag("for", f"{fields.get(_ABOUT_OBJECT + 'kind', '').lower()}/{fields[_ABOUT_OBJECT + 'name']}")
    if is_everywhere(first):
        line.short("-A")
    if any(each.event.verb == "watch" for each in run.reads):
        line.short("-w")
    return line.because("events as a list, not as a Table").guess("whether get events -o was run")


def _top(run: Run, gets: list[Request], lists: list[Request]) -> Line | None:
    measured = [each for each in run.reads if each.event.api_group == "metrics.k8s.io"]
    if not measured or not run.main.is_kubectl or measured[0].event.resource not in ("pods", "nodes"):
        return None
    first = measured[0]
    if first.is_table or first.parameter("limit"):
        return None
    line = Line("top", first.event.resource)
    if first.event.verb == "get":
        line.add(first.event.name)
    else:
        add_chosen(line, first)
    line.because("metrics.k8s.io without paging").lacks("--containers, --sort-by and --sum")
    return line.guess("whether get --raw was run")


def _cluster_info(run: Run, gets: list[Request], lists: list[Request]) -> Line | None:
    first = run.main
    if first.event.resource == "services" and first.parameter("labelSelector") == _CLUSTER_SERVICES:
        line = Line("cluster-info").because("services with the label cluster-service")
        line.has_namespace = False
        return line
    dumped = [each for each in lists if each.event.resource in _DUMPED and not each.parameter("limit")]
    if first.event.resource != "nodes" or {each.event.resource for each in dumped} != _DUMPED:
        return None
    line = Line("cluster-info", "dump").because("nodes and then everything that runs, without paging")
    line.has_namespace = False
    spaces = list(dict.fromkeys(each.event.namespace for each in dumped))
    if "" in spaces:
        return line.short("-A")
    if "kube-system" in spaces and len(spaces) > 1:
        others = [space for space in spaces if space != "kube-system"]
        return line if others == ["default"] else line.short("-n", others[0])
    return line.flag("namespaces", ",".join(spaces))
