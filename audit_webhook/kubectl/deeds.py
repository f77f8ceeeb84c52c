"""What a command did beyond its request's verb, told from recorded bodies: from how many to how many, which image.

A phrase here takes the place of the one for the telling event alone; where bodies were not recorded there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from audit_webhook.humanize import Phrase, phrase_of
from audit_webhook.humanize.actors import is_controller
from audit_webhook.humanize.objects import noun_of_kind, one_object
from audit_webhook.humanize.text import visible, visible_name
from audit_webhook.kubectl.request import Request
from audit_webhook.kubectl.run import Run
from audit_webhook.kubectl.values import entries, part, text

_POD_SPECS: Final = (("spec", "template", "spec"), ("spec", "jobTemplate", "spec", "template", "spec"), ("spec",))
_BINDINGS: Final = frozenset({"rolebindings", "clusterrolebindings"})
_LONGEST: Final = 80
_MOST_SUBJECTS: Final = 2
_NAMED: Final = {
    ("rollout", "restart"): ("restarted", "restart"),
    ("rollout", "pause"): ("paused the rollout of", "pause the rollout of"),
    ("rollout", "resume"): ("resumed the rollout of", "resume the rollout of"),
    ("rollout", "undo"): ("rolled back", "roll back"),
    ("label",): ("labelled", "label"),
    ("annotate",): ("annotated", "annotate"),
    ("taint",): ("tainted", "taint"),
    ("cordon",): ("cordoned", "cordon"),
    ("uncordon",): ("uncordoned", "uncordon"),
}


def phrase_for(run: Run, command: str) -> Phrase:
    """Give the phrase for a run that is told as a command (empty when there is none)."""
    event = run.main.event
    phrase = phrase_of(event)
    words = command.split(" ")[1:3]
    past, infinitive = _NAMED.get(tuple(words)) or _NAMED.get(tuple(words[:1])) or (phrase.past, phrase.infinitive)
    if (past, infinitive) != (phrase.past, phrase.infinitive) and event.name:
        phrase = Phrase(past, infinitive, one_object(event))
    endings: Iterable[Callable[[Run], str]] = (_replicas, _image, _rights, _owner)
    ending = next((found for tell in endings if (found := tell(run))), "")
    return phrase._replace(ending=phrase.ending + ending)


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
    if main.event.verb != "create" or not is_controller(main.event.user):
        return ""
    owner = next((each for each in entries(main.body, "metadata", "ownerReferences") if each.get("controller")), None)
    if owner is None or not text(owner, "name"):
        return ""
    return f" for {noun_of_kind(text(owner, 'kind'))} {visible_name(text(owner, 'name'))}"
