"""One English sentence for a card: that of its telling event, with what its other requests add."""

from __future__ import annotations

from typing import Final

from audit_webhook.humanize import Part, sentence
from audit_webhook.humanize.actors import actor_parts
from audit_webhook.humanize.text import visible, visible_name
from audit_webhook.kubectl.card import Card

_WRITES: Final = frozenset({"create", "update", "patch", "delete"})
_MOST_NAMES: Final = 3
_VERBS: Final = {
    "apply": "applied", "create": "created", "delete": "deleted", "label": "labelled", "annotate": "annotated",
    "replace": "replaced", "edit": "edited", "patch": "changed", "taint": "tainted", "scale": "scaled",
    "cordon": "cordoned", "uncordon": "uncordoned", "diff": "compared", "set": "changed", "rollout": "rolled out",
}


def sentence_of(card: Card) -> str:
    """Give the sentence as text."""
    return "".join(part.text for part in parts_of(card))


def parts_of(card: Card) -> tuple[Part, ...]:
    """Give the sentence in parts, so that a page can set the actor and the objects apart."""
    written = [event for event in card.events if event.verb in _WRITES and event.resource]
    if card.command and card.command.startswith("kubectl drain "):
        return _drained(card)
    names = list(dict.fromkeys((event.resource, event.namespace, event.name) for event in written if event.name))
    verb = _VERBS.get(card.command.split(" ")[1]) if card.command else None
    if len(names) < 2 or verb is None or any((event.code or 0) >= 400 for event in written):
        return sentence(card.main, card.phrase)
    told: list[Part] = [*actor_parts(card.main), Part(f" {verb} {len(names)} objects: ")]
    for number, (resource, _, name) in enumerate(names[:_MOST_NAMES]):
        told += [Part(f"{', ' if number else ''}{visible(resource, 60)} "), Part(visible_name(name), "object")]
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return (*told, Part(f"{more}{_ending(card)}"))


def _drained(card: Card) -> tuple[Part, ...]:
    nodes = [event.name for event in card.events if event.resource == "nodes" and event.name]
    gone = {event.name for event in card.events if event.subresource == "eviction" or event.verb == "delete"}
    if not nodes or any((event.code or 0) >= 400 for event in card.events if event.verb == "patch"):
        return sentence(card.main, card.phrase)
    pods = f", {len(gone)} pod{'' if len(gone) == 1 else 's'} asked to leave" if gone else ""
    node = Part(visible_name(nodes[0]), "object")
    return (*actor_parts(card.main), Part(" drained node "), node, Part(f"{pods}{_ending(card)}"))


def _ending(card: Card) -> str:
    return " (dry run: nothing was changed)" if card.main.dry_run else ""
