"""Alerts and rules as the JSON interface shows them."""

from __future__ import annotations

from audit_webhook.alerts.rule import SEVERITIES, Rule
from audit_webhook.events.event import rfc3339
from audit_webhook.events.ids import to_text
from audit_webhook.storage.alert_store import Alert, Note, RuleCount


def document_of_alert(alert: Alert, rule: Rule | None) -> dict[str, object]:
    """Return an alert; absent values are null, and times RFC 3339 in UTC. A rule that is gone has no title."""
    return {
        "id": alert.id.hex(), "rule": alert.rule, "title": rule.title if rule else alert.rule,
        "severity": SEVERITIES[alert.severity], "state": alert.state, "reason": alert.reason or None,
        "assignee": alert.assignee or None, "cluster": alert.cluster, "namespace": alert.namespace or None,
        "actor": alert.actor or None, "object": alert.object or None, "client": alert.client or None,
        "first": rfc3339(alert.first_time), "last": rfc3339(alert.last_time), "found": rfc3339(alert.found),
        "hits": alert.hits, "denied": alert.denied, "late": alert.late, "last_event": to_text(alert.last_event),
        "attack": list(rule.attack) if rule else [],
    }


def document_of_note(note: Note) -> dict[str, object]:
    """Return what somebody did to an alert."""
    return {"time": rfc3339(note.made), "author": note.author, "action": note.action, "note": note.note or None}


def document_of_rule(rule: Rule, is_on: bool, count: RuleCount | None = None) -> dict[str, object]:
    """Return a rule with what it found lately."""
    return {
        "id": rule.id, "title": rule.title, "severity": rule.severity, "query": rule.query, "enabled": is_on,
        "attack": list(rule.attack), "why": rule.why, "next": rule.next, "quiet": list(rule.quiet),
        "source": rule.source, "alerts": count.alerts if count else 0, "hits": count.hits if count else 0,
        "open": count.open if count else 0, "last": rfc3339(count.last) if count and count.last else None,
    }
