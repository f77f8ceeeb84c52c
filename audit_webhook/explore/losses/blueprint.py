"""What was lost and why, as pages and as JSON."""

from __future__ import annotations

from typing import Final

import orjson
from flask import Blueprint, Response, abort, current_app, render_template, request

from audit_webhook.context import context_of
from audit_webhook.errors import Forbidden, InvalidParameter
from audit_webhook.events.event import rfc3339
from audit_webhook.events.visible_text import shown
from audit_webhook.explore.api_blueprint import bp as api
from audit_webhook.explore.clusters.overview import last_days
from audit_webhook.explore.losses import losses
from audit_webhook.explore.losses.notice import LossNotice, find_losses
from audit_webhook.explore.losses.watch_ends import find_missing_ends
from audit_webhook.ingest.import_losses import read_named
from audit_webhook.ingest.lost_events import LostEvent
from audit_webhook.query.edit import quote
from audit_webhook.storage.loss_store import Loss

bp = Blueprint("losses", __name__)

MOST_NAMED: Final = 1000
MOST_DAYS: Final = 92
_WHOLE_CLUSTER: Final = "Losses concern whole clusters, and your access is limited to some namespaces."


@bp.app_template_global()
def losses_since(since: int | None, cluster: str = "") -> LossNotice | None:
    """Return what is known to be lost since a time in microseconds, for pages that show events."""
    parts = context_of(current_app)
    return find_losses(parts.losses, parts.repository.scope(), cluster, since, parts.clock())


@bp.get("/losses")
def show_losses() -> str:
    """Show what was lost of each cluster, and who sends."""
    parts = context_of(current_app)
    days = last_days(request.args.get("days", ""))
    is_hidden = losses.needs_whole_cluster(parts.repository.scope())
    cluster = request.args.get("cluster", "")
    page = None if is_hidden else _page(days, cluster)
    is_one = page is not None and cluster and page.clusters
    watches = find_missing_ends(parts.repository, cluster, parts.clock()) if is_one else None
    return render_template("losses/page.html", page=page, days=days, choices=losses.DAYS, watches=watches)


@bp.get("/losses/<identifier>")
def show_loss(identifier: str) -> str:
    """Show a report of a kube-apiserver with the events that it names."""
    loss = _loss(identifier)
    named = read_named(loss.content)
    rows = [(event, {name: shown(text, longest=400) for name, text in event._asdict().items() if name != "time"},
             f"cluster:{quote(loss.cluster)} audit:{quote(event.audit_id)}") for event in named[:MOST_NAMED]]
    return render_template(
        "losses/report.html", loss=loss, reason=shown(loss.reason), rows=rows, left_out=len(named) - len(rows)
    )


@api.get("/losses")
def get_losses() -> Response:
    """Return losses and senders."""
    days = request.args.get("days", "7")
    if not days.isascii() or not days.isdigit() or not 1 <= int(days[:9]) <= MOST_DAYS:
        raise InvalidParameter(f"days is a number from 1 to {MOST_DAYS}")
    _refuse_namespaces()
    page = _page(int(days), request.args.get("cluster", ""))
    return _json({
        "clusters": [_with_times(each) for each in losses.document_of_clusters(page.clusters)],
        "losses": [_document_of(line.loss) for line in page.lines if line.loss is not None],
        "complete": page.is_all and not page.more and not page.more_clusters,
    })


@api.get("/losses/<identifier>")
def get_loss(identifier: str) -> Response:
    """Return a loss with the events that it names."""
    _refuse_namespaces()
    loss = _loss(identifier)
    named = [_document_of_event(event) for event in read_named(loss.content)]
    return _json({**_document_of(loss), "named_events": named})


def _page(days: int, cluster: str) -> losses.LossPage:
    parts = context_of(current_app)
    parts.refusals.flush()
    parts.senders.write_now()
    return losses.view_losses(parts.losses, parts.sender_store, parts.config, days, cluster, parts.clock())


def _loss(identifier: str) -> Loss:
    parts = context_of(current_app)
    is_id = len(identifier) == 32 and all(character in "0123456789abcdef" for character in identifier)
    is_hidden = losses.needs_whole_cluster(parts.repository.scope())
    loss = parts.losses.find_loss(bytes.fromhex(identifier)) if is_id and not is_hidden else None
    if loss is None:
        abort(404)
    return loss


def _refuse_namespaces() -> None:
    if losses.needs_whole_cluster(context_of(current_app).repository.scope()):
        raise Forbidden(_WHOLE_CLUSTER)


def _document_of(loss: Loss) -> dict[str, object]:
    is_refused = loss.requests > 0
    return {
        "id": loss.id.hex(), "cluster": loss.cluster, "kind": loss.kind, "reason": loss.reason,
        "address": loss.address or None, "time": rfc3339(loss.happened), "until": rfc3339(loss.ended),
        "events": None if is_refused and loss.unread or not is_refused and not loss.events else loss.events,
        "requests": loss.requests or None, "named": loss.named,
        "batches_at_least": losses.batches_at_least(loss.requests) if is_refused else None,
    }


def _document_of_event(event: LostEvent) -> dict[str, object]:
    return {**{name: text or None for name, text in event._asdict().items()}, "time": rfc3339(event.time)}


def _with_times(document: dict[str, object]) -> dict[str, object]:
    """Write the times of a cluster's senders as RFC 3339."""
    senders = document["senders"]
    assert isinstance(senders, list)
    for sender in senders:
        for name in ("first_heard", "last_heard", "last_refused"):
            sender[name] = rfc3339(sender[name]) if sender[name] else None
    return document


def _json(document: dict[str, object]) -> Response:
    return Response(orjson.dumps(document), mimetype="application/json")
