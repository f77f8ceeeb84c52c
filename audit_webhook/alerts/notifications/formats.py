"""Writes a notice for each kind of sink, with all that came out of events escaped for where it goes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final

import orjson

from audit_webhook.alerts.document import document_of_alert
from audit_webhook.alerts.notifications.notice import MOST_LINES, Notice, Told
from audit_webhook.alerts.notifications.sink import Mail
from audit_webhook.alerts.rule import SEVERITIES
from audit_webhook.events.event import rfc3339

MOST_BYTES: Final = 256 * 1024
"""Bytes of a message; beyond these it names fewer alerts."""
FIRING_MICROSECONDS: Final = 24 * 3_600_000_000
"""For how long Alertmanager takes an alert for firing that is told no further."""
LONGEST_SUBJECT: Final = 160
_SLACK: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "`": "'"})


def webhook_body(notice: Notice) -> bytes:
    """Return the JSON for a webhook: the message, and its alerts as the JSON interface shows them."""
    told = notice.told
    while True:
        body = orjson.dumps({
            "version": 1, "id": notice.id, "kind": notice.message.kind, "headline": notice.headline,
            "severity": None if notice.is_test else notice.severity, "hits": notice.message.hits,
            "more": notice.message.is_more, "made": rfc3339(notice.message.made), "url": notice.url or None,
            "alerts": [{**document_of_alert(each.alert, each.rule), "url": each.url or None} for each in told],
            "alerts_left_out": len(notice.told) - len(told),
        })
        if len(body) <= MOST_BYTES or not told:
            return body
        told = told[:len(told) // 2]


def slack_body(notice: Notice) -> bytes:
    """Return the JSON for Slack and what speaks like it: values of events are code, in which nothing is a mention."""
    lines = [f"*{_escaped(notice.headline)}*"]
    for each in notice.told[:MOST_LINES]:
        link = f" <{each.url}|Open>" if each.url else ""
        lines.append(f"• {_said(each, _code)}{link}")
    if rest := len(notice.told) - MOST_LINES:
        lines += [f"… and {rest:,} alerts more" + (f" <{notice.url}|All>" if notice.url else "")] if rest > 0 else []
    return orjson.dumps({"text": "\n".join(lines), "unfurl_links": False, "unfurl_media": False})


def alertmanager_body(notice: Notice) -> bytes:
    """Return the JSON for version 2 of Alertmanager's API: each alert by itself, with the time at which it ends.

    The fields are those of https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml.
    """
    if notice.is_test:
        ends = rfc3339(notice.now + 60_000_000)
        labels = {"alertname": "AuditWebhookTest", "severity": "info"}
        entry = {"labels": labels, "annotations": {"summary": notice.headline}, "endsAt": ends}
        return orjson.dumps([{**entry, "startsAt": rfc3339(notice.now)}])
    return orjson.dumps([entry for each in notice.told for entry in _entries(each, notice.now)])


def _entries(told: Told, now: int) -> list[dict[str, object]]:
    """Return an alert, and where it may have been told with a lower severity before, that one as resolved."""
    alert = told.alert
    is_closed = alert.state == "closed"
    ends = alert.changed if is_closed else now + FIRING_MICROSECONDS
    found = [_entry(told, alert.severity, ends)]
    if alert.denied and alert.severity:
        found.append(_entry(told, alert.severity - 1, alert.changed))
    return found


def _entry(told: Told, severity: int, ends: int) -> dict[str, object]:
    alert = told.alert
    labels = {
        "alertname": alert.rule, "severity": SEVERITIES[severity], "cluster": alert.cluster, "actor": told.actor,
        "object": told.object, "namespace": alert.namespace, "alert": alert.id.hex(),
    }
    annotations = {
        "summary": told.title, "description": _said(told, str), "why": told.rule.why if told.rule else "",
        "next": told.rule.next if told.rule else "",
    }
    starts = min(alert.first_time, ends)
    return {
        "labels": {name: value for name, value in labels.items() if value},
        "annotations": {name: value for name, value in annotations.items() if value},
        "startsAt": rfc3339(starts), "endsAt": rfc3339(ends), **({"generatorURL": told.url} if told.url else {}),
    }


def mail_of(notice: Notice, target: Mail) -> EmailMessage:
    """Return the e-mail; no header holds a value of an event, nor a line break."""
    mail = EmailMessage()
    subject = notice.headline[:LONGEST_SUBJECT]
    mail["Subject"] = f"[audit] {subject}"
    mail["From"], mail["To"] = target.sender, ", ".join(target.to)
    mail["Date"] = format_datetime(datetime.fromtimestamp(notice.now / 1e6, UTC))
    mail["Message-ID"] = f"<{notice.id}@{target.sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    lines = [notice.headline, ""]
    for each in notice.told[:MOST_LINES]:
        lines += [f"- {_said(each, str)}", *([f"  {each.url}"] if each.url else [])]
    rest = len(notice.told) - MOST_LINES
    lines += [f"… and {rest:,} alerts more", *([notice.url] if notice.url else [])] if rest > 0 else []
    if rule := next((each.rule for each in notice.told), None):
        lines += ["", f"Why it matters: {rule.why}", f"What to look at next: {rule.next}"]
    mail.set_content("\n".join(lines) + "\n")
    return mail


def _said(told: Told, written: Callable[[str], str]) -> str:
    """Return one alert as a line; values of events are written as the kind of sink needs."""
    alert = told.alert
    by = f"{written(told.actor)} " if told.actor else ""
    thing = f"on {written(told.object)} " if told.object else ""
    hits = f", {alert.hits:,} hits" if alert.hits > 1 else ""
    late = f", {alert.late:,} of events that came late" if alert.late else ""
    state = f", {alert.state}" if alert.state != "open" else ""
    return f"{by}{thing}in cluster {written(alert.cluster)}, {rfc3339(alert.last_time)[:19]}Z{hits}{late}{state}"


def _escaped(text: str) -> str:
    return text.translate(_SLACK)


def _code(text: str) -> str:
    return f"`{text.translate(_SLACK)}`"
