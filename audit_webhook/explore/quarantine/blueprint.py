"""What could not be read, as pages: everything of it is hostile, and shown as text."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, abort, current_app, render_template, request

from audit_webhook.context import context_of
from audit_webhook.events.visible_text import shown
from audit_webhook.ingest.quarantine import CLUSTER_BYTES, CLUSTER_ITEMS
from audit_webhook.storage.quarantine_store import Usage

bp = Blueprint("quarantine", __name__)

MOST_SHOWN: Final = 200
SHOWN_BYTES: Final = 16 * 1024
LINE: Final = 200


@bp.get("/quarantine")
def show_quarantine() -> str:
    """Show what is in quarantine of each cluster that the reader may see."""
    repository = context_of(current_app).repository
    cluster = request.args.get("cluster", "")[:63]
    usage, left_out = repository.quarantine.usage(), {each.cluster: each for each in repository.quarantine.left_out()}
    clusters = [
        (name, usage.get(name, Usage(0, 0)), left_out.get(name)) for name in sorted({*usage, *left_out})
        if cluster in ("", name)
    ]
    items = [(item, shown(item.reason)) for item in repository.quarantine.list_items(MOST_SHOWN, cluster)]
    return render_template(
        "quarantine/list.html", clusters=clusters, items=items, cluster=shown(cluster), most=MOST_SHOWN,
        is_hidden=repository.scope().namespaces is not None, share_items=CLUSTER_ITEMS, share_bytes=CLUSTER_BYTES,
    )


@bp.get("/quarantine/<identifier>")
def show_item(identifier: str) -> str:
    """Show one item with the beginning of its bytes."""
    is_id = len(identifier) == 32 and all(character in "0123456789abcdef" for character in identifier)
    item = context_of(current_app).repository.quarantine.find_item(bytes.fromhex(identifier)) if is_id else None
    if item is None:
        abort(404)
    text = item.content[:SHOWN_BYTES].decode("utf-8", "backslashreplace")
    lines = [shown(text[start:start + LINE]) for start in range(0, len(text), LINE)]
    return render_template(
        "quarantine/item.html", item=item, reason=shown(item.reason), lines=lines,
        left_out=max(0, len(item.content) - SHOWN_BYTES),
    )
