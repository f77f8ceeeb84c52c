"""What a command did beyond its request's verb, told from recorded bodies: from how many to how many, which image.

A phrase here takes the place of the one for the telling event alone; where bodies were not recorded there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from audit_webhook.events.identities import is_controller
from audit_webhook.humanize import Phrase, phrase_of
from audit_webhook.humanize.objects import noun_of_kind, one_object
from audit_webhook.humanize.text import visible, visible_name
from audit_webhook.kubectl.request import Request
from audit_webhook.kubectl.run import Run
from audit_webhook.kubectl.taints import taint_word, taints_before, taints_of
from audit_webhook.kubectl.values import entries, part, text

_POD_SPECS: Final = (("spec", "template", "spec"), ("spec", "jobTemplate", "spec", "template", "spec"), ("spec",))
_BINDINGS: Final = frozenset({"rolebindings", "clusterrolebindings"})
_LONGEST: Final = 80
_MOST_SUBJECTS: Final = 2
_MOST_MARKS: Final = 3
_NAMED: Final = {
    ("rollout", "restart"): ("restarted", "restart"),
    ("rollout", "pause"): ("paused the rollout of", "pause the rollout of"),
    ("rollout", "resume"): ("resumed the rollout of", "resume the rollout of"),
    ("rollout", "undo"): ("rolled back", "roll back"),
    ("certificate", "approve"): ("approved", "approve"),
    ("certificate", "deny"): ("denied", "deny"),
    ("label",): ("labelled", "label"),
    ("annotate",): ("annotated", "annotate"),
    ("taint",): ("changed the taints of", "change the taints of"),
    ("cordon",): ("cordoned", "cordon"),
    ("uncordon",): ("uncordoned", "uncordon"),
    ("diff",): ("compared", "compare"),
    ("replace",): ("replaced", "replace"),
}
_EITHER: Final = {
    "certificate": ("approved or denied", "approve or deny"),
    "cordon": ("cordoned or uncordoned", "cordon or uncordon"),
    "rollout": ("restarted, paused or resumed", "restart, pause or resume"),
}
"""What is said where the body decides, and was not recorded."""


def phrase_for(run: Run, command: str) -> Phrase:
    """Return the phrase for a run that is told as a command (empty when there is none)."""
    event = run.main.event
    phrase = phrase_of(event)
    if not run.is_kubectl or not command:
        return phrase._replace(ending=phrase.ending + _owner(run))
    words = tuple(command.split(" ")[1:3])
    if told := _session(run, words[0], phrase):
        return told
    named = _NAMED.get(words) or _NAMED.get(words[:1])
    if run.main.role == "write" and not run.main.has_body:
        named = _EITHER.get(words[0], named)
    past, infinitive = named or (phrase.past, phrase.infinitive)
    if (past, infinitive) != (phrase.past, phrase.infinitive) and event.name:
        phrase = Phrase(past, infinitive, one_object(event))
    if words[0] in ("delete", "drain") and event.verb == "delete" and not event.subresource:
        phrase = _deletion(run, phrase)
    endings: Iterable[Callable[[Run], str]] = (_replicas, _image, _rights, _marks, _taints, _owner)
    ending = next((found for tell in endings if (found := tell(run))), "")
    return phrase._replace(ending=phrase.ending + ending)


def _session(run: Run, command: str, phrase: Phrase) -> Phrase | None:
    """Tell a copy as one, and a command in a container as asked for: its event does not say whether it ran."""
    event = run.main.event
    if command == "cp":
        path = next((words[-1] for words in (deed.parameters.get("command", []) for deed in run.deeds) if words), "")
        into = run.deeds[0].parameters.get("command", [])[:1] == ["test"]
        shown = visible(path, _LONGEST)
        what = f"copy a file to {shown} in" if into else f"copy {shown} from"
        return Phrase(f"asked to {what}", what, one_object(event))
    if command == "exec" and phrase.past.startswith("ran ") and event.code == 101:
        return phrase._replace(past=f"asked to run {phrase.past.removeprefix('ran ')}")
    return None


def _deletion(run: Run, phrase: Phrase) -> Phrase:
    """Tell a deletion as asked for where it may have been a dry run, or where the object still had to end."""
    main = run.main
    if main.lacks_bodies and not main.has_body and not main.event.dry_run:
        return phrase._replace(past="asked to delete", ending=" (whether as a dry run was not recorded)")
    is_ending = bool(text(main.response, "metadata", "deletionTimestamp"))
    waited = any(read.thing == main.thing and read.start >= main.start for read in run.reads)
    return phrase._replace(past="asked to delete") if is_ending and not waited else phrase


def _marks(run: Run) -> str:
    """Say which labels or annotations were set, and which were removed."""
    main = run.main
    member = {"kubectl-label": "labels", "kubectl-annotate": "annotations"}.get(main.manager, "")
    marks = part(main.body, "metadata", member) if member else None
    if not isinstance(marks, dict) or not marks:
        return ""
    added = [key for key, value in marks.items() if value is not None]
    removed = [key for key, value in marks.items() if value is None]
    return _added_and_removed(added, removed, "set ")


def _added_and_removed(added: list[str], removed: list[str], verb: str) -> str:
    told = [f"{verb}{_names(added)}"] if added else []
    told += [f"removed {_names(removed)}"] if removed else []
    return f": {', '.join(told)}" if told else ""


def _names(names: list[str]) -> str:
    shown = ", ".join(visible(name, _LONGEST) for name in names[:_MOST_MARKS])
    return f"{shown} and {len(names) - _MOST_MARKS} more" if len(names) > _MOST_MARKS else shown


def _taints(run: Run) -> str:
    """Say which taints were added and removed; where those before were not recorded, which there are now."""
    main = run.main
    spec = part(main.body, "spec")
    if main.event.resource != "nodes" or not isinstance(spec, dict) or set(spec) != {"taints"}:
        return ""
    before, after = taints_before(run, main), taints_of(spec["taints"])
    if before is None:
        return f": now {_names(list(map(taint_word, after.items())))}" if after else ": now none"
    added = [taint_word(each) for each in after.items() if before.get(each[0]) != each[1]]
    removed = [taint_word(each) for each in before.items() if each[0] not in after]
    return _added_and_removed(added, removed, "added ")


def _replicas(run: Run) -> str:
    """Say from how many to how many something was scaled."""
    main = run.main
    wanted = part(main.body, "spec", "replicas")
    if main.event.subresource != "scale" or not isinstance(wanted, int):
        return ""
    before = part(_before(run), "spec", "replicas")
    return f" from {before} to {wanted}" if isinstance(before, int) and before != wanted else f" to {wanted}"


def _before(run: Run) -> Any:
    """Give the object as it was read before the telling write; None when that was not recorded."""
    found = run.look_at(run.main.thing)
    return found.response if found and found.start <= run.main.start else None


def _image(run: Run) -> str:
    """Say which image took the place of which, when it is the only one that changed."""
    main = run.main
    if main.event.verb not in ("patch", "update") or main.event.subresource:
        return ""
    before, after = _images(_before(run)), _images(main.response)
    changed = [(before[name], image) for name, image in after.items() if before.get(name, image) != image]
    return f": image {_exchange(*changed[0])}" if len(changed) == 1 else ""


def _images(value: object) -> dict[str, str]:
    for path in _POD_SPECS:
        if found := entries(value, *path, "containers"):
            return {text(each, "name"): text(each, "image") for each in found}
    return {}


def _exchange(old: str, new: str) -> str:
    """Write an exchange of images; where only the tag differs, the tags alone."""
    (old_name, _, old_tag), (new_name, _, new_tag) = old.rpartition(":"), new.rpartition(":")
    if old_name == new_name and old_name and "/" not in old_tag + new_tag:
        old, new = old_tag, new_tag
    return f"{visible(old, _LONGEST)} → {visible(new, _LONGEST)}"


def _rights(run: Run) -> str:
    """Say to whom a new binding gives which role."""
    main = run.main
    if main.event.verb != "create" or main.event.resource not in _BINDINGS:
        return ""
    role, subjects = part(main.body, "roleRef"), [*_subjects(main)]
    if not text(role, "name") or not subjects:
        return ""
    more = f" and {len(subjects) - _MOST_SUBJECTS} more" if len(subjects) > _MOST_SUBJECTS else ""
    verb = "gets" if len(subjects) == 1 else "get"
    kind = noun_of_kind(text(role, "kind"))
    return f": {' and '.join(subjects[:_MOST_SUBJECTS])}{more} {verb} {kind} {visible_name(text(role, 'name'))}"


def _subjects(request: Request) -> Iterator[str]:
    for subject in entries(request.body, "subjects"):
        place = text(subject, "namespace")
        name = f"{place}/{text(subject, 'name')}" if place else text(subject, "name")
        yield f"{noun_of_kind(text(subject, 'kind'))} {visible_name(name)}"


def _owner(run: Run) -> str:
    """Say for which object a controller made another one."""
    main = run.main
    if main.event.verb != "create" or not is_controller(main.event.actor):
        return ""
    owner = next((each for each in entries(main.body, "metadata", "ownerReferences") if each.get("controller")), None)
    if owner is None or not text(owner, "name"):
        return ""
    return f" for {noun_of_kind(text(owner, 'kind'))} {visible_name(text(owner, 'name'))}"
