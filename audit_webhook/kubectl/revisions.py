"""Which revision a ``rollout undo`` went back to: the one among those listed before whose template is the same."""

from __future__ import annotations

from typing import Any, Final

from audit_webhook.kubectl.line import Line
from audit_webhook.kubectl.run import Run
from audit_webhook.kubectl.values import entries, part, text

REVISION: Final = "deployment.kubernetes.io/revision"
_HASH: Final = "pod-template-hash"


def add_revision(line: Line, run: Run) -> Line:
    """Add ``--to-revision`` unless it is the one before the last, which undo takes by itself."""
    revisions = _revisions(run)
    template = _template(run.main.body)
    if not revisions or template is None:
        return line.guess("--to-revision: the revisions were not recorded")
    matching = [number for number, other in revisions.items() if _normal(other) == _normal(template)]
    ordered = sorted(revisions)
    if matching and (len(ordered) < 2 or matching[-1] != ordered[-2]):
        return line.flag("to-revision", matching[-1]).because("the template is that of an older revision")
    return line.lacks("whether --to-revision was typed")


def _template(body: object) -> Any:
    if isinstance(body, list):
        values = [each.get("value") for each in entries(body) if each.get("path") == "/spec/template"]
        return values[0] if values else None
    return part(body, "spec", "template")


def _revisions(run: Run) -> dict[int, object]:
    """Give the templates by revision, of the replica sets or controller revisions that belong to the object."""
    found: dict[int, object] = {}
    for listing in [*run.lists("replicasets"), *run.lists("controllerrevisions")]:
        for item in entries(listing.response, "items"):
            owners = [owner.get("name") for owner in entries(item, "metadata", "ownerReferences")]
            number = _number(item)
            if run.main.event.name in owners and number:
                found[number] = _template_of(item)
    return found


def _number(item: dict[str, Any]) -> int:
    revision = text(item, "revision") or text(item, "metadata", "annotations", REVISION)
    return int(revision) if revision.isascii() and revision.isdecimal() and len(revision) < 10 else 0


def _template_of(item: dict[str, Any]) -> Any:
    return part(item, "data", "spec", "template") if "revision" in item else part(item, "spec", "template")


def _normal(template: object) -> object:
    """Give a template without what Kubernetes adds: the hash, an empty time, the mark to replace it."""
    if not isinstance(template, dict):
        return template
    metadata = template.get("metadata")
    labels = part(metadata, "labels")
    kept = {key: value for key, value in metadata.items() if key not in ("labels", "creationTimestamp")} \
        if isinstance(metadata, dict) else {}
    own = {key: value for key, value in labels.items() if key != _HASH} if isinstance(labels, dict) else {}
    rest = {key: value for key, value in template.items() if key not in ("metadata", "$patch")}
    return rest | {"metadata": kept | {"labels": own}}
