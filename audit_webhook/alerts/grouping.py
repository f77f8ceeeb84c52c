"""Puts hits together: those of one rule on one cluster, by one actor, on one object, are one alert."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final, NamedTuple

from audit_webhook.alerts.rule import SEVERITIES, Rule
from audit_webhook.alerts.rule_book import Hit
from audit_webhook.events.event import Event
from audit_webhook.events.ids import from_text
from audit_webhook.events.limits import cut
from audit_webhook.query.fields import BY_NAME
from audit_webhook.storage.alert_decision_store import Mute
from audit_webhook.storage.alert_store import LONGEST, Alert, alert_id

LATE: Final = 15 * 60 * 1_000_000
"""How long after it happened an event may come, in microseconds, before its hits are called late."""


class Subject(NamedTuple):
    """What the hits of an alert have in common; empty where they need not have it in common."""

    namespace: str
    actor: str
    object: str
    client: str


def subject_of(rule: Rule, event: Event) -> Subject:
    """Return what a hit is grouped by: actor and object, or with a threshold the values that it counts by."""
    if rule.threshold is None:
        found = Subject(event.namespace, event.actor, object_of(event), event.client)
    else:
        by = rule.threshold.by
        values = [f"{name} {BY_NAME[name].value(event)}" for name in by if name in BY_NAME and name != "user"]
        found = Subject(
            event.namespace if "ns" in by or "object" in by else "", event.actor if "user" in by else "",
            object_of(event) if "object" in by else ", ".join(values), event.client if "client" in by else "",
        )
    return Subject._make(cut(text, LONGEST[name]) for name, text in found._asdict().items())


def object_of(event: Event) -> str:
    """Return what a request was for, as ``pods/exec shop/web``, or the path of an address that names no object."""
    if not event.resource:
        return event.request_uri.partition("?")[0]
    resource = f"{event.resource}/{event.subresource}" if event.subresource else event.resource
    place = f"{event.namespace}/{event.name}" if event.namespace else event.name
    return f"{resource} {place}" if place else resource


def group_key(hit: Hit, subject: Subject) -> bytes:
    """Return the key of the alert that a hit belongs to."""
    return _digest((hit.rule.id, hit.event.cluster, subject.actor, subject.object))


def hit_id(hit: Hit) -> bytes:
    """Return the id of a hit: the same for all stages of a request, and for a batch that came twice."""
    return _digest((hit.rule.id, hit.request.hex()))


def is_late(event: Event) -> bool:
    """Return whether an event came long after it happened, as one that was imported or waited somewhere."""
    return event.received - event.time > LATE


def begun(hit: Hit, subject: Subject, key: bytes, now: int) -> Alert:
    """Return a new alert of one hit; the time is in microseconds."""
    event = hit.event
    return Alert(
        id=alert_id(now), group_key=key, rule=hit.rule.id, severity=SEVERITIES.index(hit.severity),
        cluster=event.cluster, namespace=subject.namespace, actor=subject.actor, object=subject.object,
        client=subject.client, state="open", reason="", assignee="", first_time=event.time, last_time=event.time,
        found=now, changed=now, hits=1, denied=int(hit.is_denied), late=int(is_late(event)),
        last_event=from_text(event.id),
    )


def joined(alert: Alert, hit: Hit, now: int) -> Alert:
    """Return an alert with a further hit."""
    event = hit.event
    is_newest = event.time >= alert.last_time
    return alert._replace(
        severity=max(alert.severity, SEVERITIES.index(hit.severity)), first_time=min(alert.first_time, event.time),
        last_time=max(alert.last_time, event.time), changed=now, hits=alert.hits + 1,
        denied=alert.denied + hit.is_denied, late=alert.late + is_late(event),
        last_event=from_text(event.id) if is_newest else alert.last_event,
    )


def muted_by(hit: Hit, subject: Subject, mutes: Iterable[Mute], now: int) -> Mute | None:
    """Return the mute that holds a hit back, None when there is none."""
    event = hit.event
    has = {
        "rule": hit.rule.id, "cluster": event.cluster, "namespace": event.namespace, "actor": event.actor,
        "client": event.client, "object": subject.object,
    }
    return next((
        mute for mute in mutes
        if mute.is_active(now) and all(getattr(mute, name) in ("", value) for name, value in has.items())
    ), None)


def _digest(texts: Iterable[str]) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for text in texts:
        encoded = text.encode("utf-8", "replace")
        digest.update(b"%d:%s" % (len(encoded), encoded))
    return digest.digest()
