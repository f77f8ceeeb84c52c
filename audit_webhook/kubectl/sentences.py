"""One English sentence for a card, about all of its command: what succeeded beside what failed, every resource."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from audit_webhook.events.event import Event
from audit_webhook.humanize import Part, Phrase, sentence
from audit_webhook.humanize.actors import actor_parts
from audit_webhook.humanize.failures import failure_of, is_denied, refusal_of
from audit_webhook.humanize.objects import many_objects, one_object, place
from audit_webhook.humanize.text import visible_name
from audit_webhook.kubectl.card import Card
from audit_webhook.kubectl.nodes import drained_node
from audit_webhook.kubectl.request import Request
from audit_webhook.kubectl.run import Run
from audit_webhook.kubectl.traits import gathers

_MOST_NAMES: Final = 3
_DRY_RUN: Final = " (dry run: nothing was changed)"
_PLAIN_VERBS: Final = {
    "apply": ("applied", "apply"), "create": ("created", "create"), "delete": ("deleted", "delete"),
    "label": ("labelled", "label"), "annotate": ("annotated", "annotate"), "replace": ("replaced", "replace"),
    "edit": ("edited", "edit"), "patch": ("changed", "change"),
    "taint": ("changed the taints of", "change the taints of"), "scale": ("scaled", "scale"),
    "cordon": ("cordoned", "cordon"), "uncordon": ("uncordoned", "uncordon"),
    "diff": ("compared", "compare"), "set": ("changed", "change"), "certificate approve": ("approved", "approve"),
    "certificate deny": ("denied", "deny"), "rollout restart": ("restarted", "restart"),
    "rollout pause": ("paused the rollout of", "pause the rollout of"),
    "rollout resume": ("resumed the rollout of", "resume the rollout of"),
}


def sentence_of(card: Card) -> str:
    """Return the sentence as text."""
    return "".join(part.text for part in parts_of(card))


def parts_of(card: Card) -> tuple[Part, ...]:
    """Return the sentence in parts, so that a page can set the actor and the objects apart."""
    run = card.run
    if run is None or not card.command:
        return sentence(card.main, card.phrase)
    if run.deeds and any(map(drained_node, run.reads)) and card.command.startswith("kubectl drain "):
        return _drained(card, run)
    results = _results(run)
    if len(results) > 1 and (verbs := _verbs_of(card.command)):
        return _of_several(card, results, verbs)
    if not run.deeds and len(listed := _listed(run)) > 1:
        return (*actor_parts(card.main), Part(" listed "), *_enumerated(listed))
    told = results[-1] if results and run.main.role == "write" else card.main
    return (*sentence(told, card.phrase), *_missing(run))


def _missing(run: Run) -> tuple[Part, ...]:
    """Name what a command did not find beside what it changed."""
    is_by_name = gathers(run.main) or run.main.manager in ("kubectl-label", "kubectl-annotate", "kubectl-taint")
    missed = [read.event for read in run.gets() if read.event.code == 404] if is_by_name else []
    return (Part(", but there was no "), *one_object(missed[0])) if missed else ()


def _results(run: Run) -> list[Event]:
    """Return what became of each object: the last of the writes that were sent for it."""
    last: dict[tuple[str, str, str, str], Event] = {}
    for deed in run.deeds:
        if deed.role == "write" and deed.event.resource:
            last[deed.thing] = deed.event
    return list(last.values())


def _verbs_of(command: str) -> tuple[str, str] | None:
    words = command.split(" ")[1:3]
    return _PLAIN_VERBS.get(" ".join(words)) or _PLAIN_VERBS.get(words[0])


def _of_several(card: Card, results: Sequence[Event], verbs: tuple[str, str]) -> tuple[Part, ...]:
    done = [event for event in results if not failure_of(event) and not is_denied(event)]
    failed = [event for event in results if event not in done]
    past, infinitive = verbs
    who = actor_parts(card.main)
    dry = (Part(_DRY_RUN),) if any(event.dry_run for event in results) else ()
    if not done:
        return (*who, Part(f" tried to {infinitive} "), *_objects(failed), Part(f": {_reason(failed[0])}"))
    told = (*who, Part(f" {past} "), *_objects(done), *dry)
    if not failed:
        return told
    return (*told, Part(f", but could not {infinitive} "), *_objects(failed), Part(f": {_reason(failed[0])}"))


def _reason(event: Event) -> str:
    if is_denied(event):
        return refusal_of(event) or "not allowed"
    return failure_of(event)


def _objects(events: Sequence[Event]) -> tuple[Part, ...]:
    """Name one object, or say how many there are and name the first few."""
    if len(events) == 1:
        return one_object(events[0])
    told: list[Part] = [Part(f"{len(events)} objects: ")]
    spaces = {event.namespace for event in events}
    for number, event in enumerate(events[:_MOST_NAMES]):
        named = one_object(event)
        told += [Part(", ")] * bool(number)
        told += named if len(spaces) > 1 else named[: len(named) - len(place(event))]
    if len(events) > _MOST_NAMES:
        told.append(Part(f" and {len(events) - _MOST_NAMES} more"))
    return (*told, *(place(events[0]) if len(spaces) == 1 else ()))


def _listed(run: Run) -> list[Request]:
    """Return one list of each type, where all of them are of one namespace and nothing else was read."""
    lists = list({read.thing: read for read in run.lists()}.values())
    same = len({read.event.namespace for read in lists}) == 1 and run.main.event.api_group != "metrics.k8s.io"
    return lists if same and len(lists) == len(run.reads) else []


def _enumerated(lists: Sequence[Request]) -> tuple[Part, ...]:
    told: list[Part] = []
    shown = lists if len(lists) <= _MOST_NAMES + 1 else lists[:_MOST_NAMES]
    for number, read in enumerate(shown):
        what = many_objects(read.event)
        is_end = number == len(lists) - 1
        told += [Part(" and " if is_end else ", ")] * bool(number)
        told += what[: len(what) - len(place(read.event))]
    if len(shown) < len(lists):
        told.append(Part(f" and {len(lists) - len(shown)} other types"))
    return (*told, *place(lists[0].event))


def _drained(card: Card, run: Run) -> tuple[Part, ...]:
    """Tell a drain by its nodes and by what became of the pods: asked to leave, or refused."""
    nodes = list(dict.fromkeys(filter(None, map(drained_node, run.reads))))
    cordons = [event for event in _results(run) if event.resource == "nodes"]
    if any(failure_of(event) or is_denied(event) for event in cordons):
        return sentence(card.main, Phrase("drained", "drain", one_object(card.main)))
    pods = [event for event in _results(run) if event.resource == "pods"]
    kept = [event for event in pods if failure_of(event) or is_denied(event)]
    told: list[Part] = [*actor_parts(card.main), Part(f" drained node{'s' if len(nodes) > 1 else ''} ")]
    for number, node in enumerate(nodes[:_MOST_NAMES]):
        told += [Part(", ")] * bool(number) + [Part(visible_name(node), "object")]
    if gone := len(pods) - len(kept):
        told.append(Part(f", {_counted(gone)} asked to leave"))
    if kept:
        told.append(Part(f", {_counted(len(kept))} not: {_reason(kept[0])}"))
    return (*told, Part(_DRY_RUN)) if any(deed.event.dry_run for deed in run.deeds) else tuple(told)


def _counted(pods: int) -> str:
    return f"{pods} pod{'' if pods == 1 else 's'}"
