"""Why a command is likely at most, whatever it is: what was not recorded, and what several commands could have sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from audit_webhook.kubectl.changing import read_first
from audit_webhook.kubectl.nodes import drained_node
from audit_webhook.kubectl.request import Request
from audit_webhook.kubectl.run import Run
from audit_webhook.kubectl.traits import from_files

NO_BODY: Final = "what the body would have told: it was not recorded"
SEVERAL: Final = "or several commands, each for a part of it"
_MAKERS: Final = frozenset({"kubectl-run", "kubectl-replace"})


def doubts(run: Run) -> list[str]:
    """Return why the command behind a run may be another one than the one told."""
    main = run.main
    found = [NO_BODY] if main.role == "write" and not main.has_body else []
    if not run.is_kubectl:
        return found
    if main.role == "write" and not main.manager and main.event.verb != "delete" and main.lacks_managers:
        found.append("which command wrote it: kubectl before 1.18 names no field manager")
    if len(run.requests) > 1:
        found += _doubts_of_several(run)
    return found + run.doubts


def _doubts_of_several(run: Run) -> Iterator[str]:
    main = run.main
    if _is_divisible(run):
        yield SEVERAL
    if run.deeds and from_files(main) and _is_read_twice(run):
        yield "whether the first read belongs to it: commands with files read an object once"
    if any(request.role == "read" for request in run.requests[run.committed :]):
        yield "whether the last reads belong to it"
    if run.deeds and main.event.verb == "delete" and run.gets() and run.reads[0].start < main.start and not run.lists():
        yield "whether the first reads belong to it: a deletion looks at nothing before"


def _is_read_twice(run: Run) -> bool:
    found = [read.thing for read in run.gets() if read.start < run.deeds[0].start and not read.is_refused]
    return len(found) > len(set(found))


def _is_divisible(run: Run) -> bool:
    """Whether several commands, each typed for one object, send the same requests.

    What one list has chosen is one command's, and so are the objects of files when the schema was read only once.
    """
    if not run.deeds:
        return _are_reads_divisible(run)
    things = {request.thing for request in (*read_first(run), *run.deeds)}
    if len(things) < 2 or any(map(drained_node, run.reads)) or run.deeds[0].manager in _MAKERS:
        return False
    if run.has_openapi and from_files(run.main):
        return False
    return not _are_chosen(run, run.deeds) and run.main.role == "write" and not _is_copy(run)


def _are_reads_divisible(run: Run) -> bool:
    gets = {read.thing for read in run.gets()}
    lists = {read.thing for read in run.lists() if not read.parameter("fieldSelector")}
    if run.main.event.api_group == "metrics.k8s.io":
        return False
    if gets and any("allowWatchBookmarks" in read.parameters for read in run.reads):
        return len(gets) > 1
    if lists and gets:
        return False
    return len(gets) > 1 or 1 < len(lists) < 6


def _are_chosen(run: Run, deeds: list[Request]) -> bool:
    return any(
        not read.is_table and all(
            read.event.resource == deed.event.resource and read.event.namespace in ("", deed.event.namespace)
            for deed in deeds
        )
        for read in run.lists("", deeds[0])
    )


def _is_copy(run: Run) -> bool:
    """Whether a pod was made without a manager: ``debug`` deletes the old one, or attaches to the new one."""
    return run.main.event.verb == "create" and run.main.event.resource == "pods" and not run.main.manager
