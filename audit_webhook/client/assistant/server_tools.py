"""Tools about what the server knows of itself: alerts, clusters, losses, and how far what is stored is signed."""

from __future__ import annotations

from argparse import Namespace
from typing import Any, Final
from urllib.parse import quote as escape

from audit_webhook.client import server_verbs
from audit_webhook.client.answers import Session
from audit_webhook.client.assistant.arguments import Argument
from audit_webhook.client.assistant.questions import CLUSTER
from audit_webhook.client.assistant.results import Found

MOST: Final = 1_000
ALERTS: Final = (
    Argument("state", "active is open or acknowledged", choices=("active", "open", "acknowledged", "closed", "any"),
             default="active"),
    Argument("severity", "of this severity or a higher one", choices=("info", "low", "medium", "high", "critical")),
    Argument("days", "of the last so many days", "integer", default=30, at_most=3650),
    CLUSTER, Argument("actor", "only alerts about this user name"),
    Argument("limit", "how many at most", "integer", default=20, at_most=100),
    Argument("id", "one alert by its id, with its events and what was done about it"),
)
LOSSES: Final = (
    Argument("days", "of the last so many days", "integer", default=7, at_most=92), CLUSTER,
    Argument("limit", "how many at most", "integer", default=20, at_most=100),
)


def alerts(given: Namespace, session: Session) -> Found:
    """Return what the rules found, newest first, or one alert."""
    if given.id:
        found = session.source.get("alerts", given.id)
        facts = {"events_of_it": found.pop("events")[:20], "done_about_it": found.pop("notes")}
        return Found("alerts", [found], facts, _page(session, f"/alerts/{escape(given.id, safe='')}"))
    state = None if given.state == "any" else given.state
    listed = session.source.get(
        "alerts", days=given.days, limit=MOST, state=state, severity=given.severity,
        cluster=given.cluster or session.cluster, actor=given.actor,
    )["alerts"]
    return Found("alerts", listed[:given.limit], about=_page(session, "/alerts"), total=len(listed),
                 is_exact=len(listed) < MOST, narrow="narrow with severity, state, days, cluster or actor")


def clusters(given: Namespace, session: Session) -> Found:
    """Return which clusters there are, and what whoever asks may see."""
    found = next(server_verbs.clusters(given, session)).document
    about = {
        **({"signed_in_as": found["user"]} if session.source.url else {}), "server_version": found["version"],
        "server": session.source.url or "none: the database of this machine is read, all of it",
        **{name: found[name] for name in ("limited_to_clusters", "limited_to_namespaces") if found[name] is not None},
    }
    rows = [{"cluster": name} for name in found["clusters"]]
    return Found("clusters", rows, about=about, notes=() if rows else ("no cluster was heard from yet",))


def losses(given: Namespace, session: Session) -> Found:
    """Return what was lost or may have been, newest first, and which senders are heard."""
    chosen = Namespace(days=given.days)
    answer = next(server_verbs.losses(chosen, session._replace(cluster=given.cluster or session.cluster)))
    found: dict[str, Any] = answer.document
    return Found(
        "losses", found["losses"][:given.limit], {"senders": found["clusters"]}, _page(session, "/losses"),
        answer.notes, total=len(found["losses"]), is_exact=found["complete"], narrow="fewer days, or a cluster",
    )


def verify(given: Namespace, session: Session) -> Found:
    """Return how far what is stored is signed, and what stands against trusting it."""
    answer = next(server_verbs.verify(given, session))
    newest = answer.document["newest"]
    about = {
        "warnings": answer.document["warnings"], "is_signed": newest is not None,
        "nothing_stands_against_trusting_it": answer.is_found, **_page(session, "/evidence"),
    }
    return Found("checkpoints", answer.document["checkpoints"], about=about, notes=answer.notes)


def _page(session: Session, path: str) -> dict[str, str]:
    return {"page": f"{session.source.url}{path}"} if session.source.url else {}
