"""Changes to an event that must not change what is told of it; run as a module for many of them.

``python -m tests.mutations 100000`` mutates recorded events so often and ends with 1 at the first difference.
"""

from __future__ import annotations

import copy
import gzip
import json
import random
import sys
from pathlib import Path
from typing import Any, Final

from audit_webhook.events.decode import read_wire, to_event
from audit_webhook.events.split import split
from audit_webhook.humanize import badge, emphasis, summary, why
from audit_webhook.kubectl import cards_of, read_request

DATA: Final = Path(__file__).parent / "data" / "webhook"
FACTS: Final = (
    {"dryRun": ["All"]}, {"deleteOptions": {"dryRun": ["All"]}}, {"kind": "Secret", "data": {"password": "eA=="}},
    {"fieldManager": "kubectl-edit"}, {"verb": "delete"}, {"responseStatus": {"code": 403}},
    {"requestObject": {"dryRun": ["All"]}}, {"metadata": {"name": "other", "namespace": "other"}},
    {"user": {"username": "mallory"}}, {"objectRef": {"resource": "secrets"}}, {"impersonatedUser": {"username": "x"}},
    {"annotations": {"authorization.k8s.io/decision": "forbid", "audit.k8s.io/truncated": "true"}},
    {"stage": "Panic", "requestURI": "/x?dryRun=All&fieldManager=kubectl-edit"}, {"command": ["sh"]},
)
BESIDE: Final = "audit.example.com/note"


class Mutator:
    """Puts what looks like a fact where it is none: beside the members that tell, and as text."""

    def __init__(self, choice: random.Random) -> None:
        """Choose with this generator, so that a failure can be repeated."""
        self._choice = choice

    def changed(self, event: dict[str, Any]) -> dict[str, Any]:
        """Return a copy of an event with one or several members that tell nothing."""
        mutated = copy.deepcopy(event)
        for _ in range(self._choice.randint(1, 3)):
            self._choice.choice((self._beside, self._annotation, self._deep))(mutated)
        return mutated

    def _fact(self) -> Any:
        fact = self._choice.choice(FACTS)
        form = self._choice.randrange(4)
        if form == 0:
            return copy.deepcopy(fact)
        text = json.dumps(fact, separators=(",", ":"))
        return text if form == 1 else [copy.deepcopy(fact), text] if form == 2 else {"x": {"y": copy.deepcopy(fact)}}

    def _beside(self, event: dict[str, Any]) -> None:
        """Add a member that an event does not have, before or behind the others."""
        name = self._choice.choice(("x", "dryRun", "deleteOptions", "metadata", "spec", "data", "command", "request"))
        fact = self._fact()
        before = {name: fact, **event} if self._choice.random() < 0.5 else {**event, name: fact}
        event.clear()
        event.update(before)

    def _annotation(self, event: dict[str, Any]) -> None:
        """Add an annotation of somebody else's."""
        fact = self._fact()
        notes = event.get("annotations") or {}
        event["annotations"] = {**notes, BESIDE: fact if isinstance(fact, str) else json.dumps(fact)}

    def _deep(self, event: dict[str, Any]) -> None:
        """Add an annotation to the recorded answer, or a member to the status."""
        answer, status = event.get("responseObject"), event.get("responseStatus")
        metadata = answer.get("metadata") if isinstance(answer, dict) else None
        if isinstance(metadata, dict) and isinstance(metadata.get("annotations"), dict):
            metadata["annotations"][BESIDE] = json.dumps(self._fact())
        elif isinstance(status, dict):
            status["x"] = self._fact()


def told_of(raw: bytes) -> tuple[object, ...]:
    """Return all that is told of one event: its columns, sentence, badge, emphasis and command."""
    event = to_event(read_wire(raw), raw, "prod")
    card = cards_of([read_request(raw, "prod")])[0]
    columns = tuple(getattr(event, name) for name in event.__struct_fields__)
    return (
        *columns, summary(event), badge(event), emphasis(event), why(event), card.command, card.confidence,
    )


def main(count: int) -> int:
    """Mutate recorded events so often; return 0 when nothing else was told of any."""
    choice = random.Random(count)
    mutator = Mutator(choice)
    raws = [raw for path in sorted(DATA.glob("*.json.gz")) for raw in split(gzip.decompress(path.read_bytes())).items]
    for number in range(count):
        raw = choice.choice(raws)
        changed = json.dumps(mutator.changed(json.loads(raw)), separators=(",", ":"), ensure_ascii=False).encode()
        if told_of(raw) != told_of(changed):
            print(f"mutation {number} changed what is told:\n{raw!r}\n{changed!r}")
            return 1
    print(f"{count:,} mutations, nothing else was told")
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
