"""Sends a notice to a sink, as its kind needs."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from audit_webhook.alerts.notifications.connection import DeliveryFailed
from audit_webhook.alerts.notifications.formats import alertmanager_body, mail_of, slack_body, webhook_body
from audit_webhook.alerts.notifications.http_post import MESSAGE_ID, post
from audit_webhook.alerts.notifications.mail import send_mail
from audit_webhook.alerts.notifications.notice import Notice
from audit_webhook.alerts.notifications.sink import Mail, Sink

ALERTMANAGER_PATH: Final = "/api/v2/alerts"
_BODIES: Final = {"webhook": webhook_body, "slack": slack_body, "alertmanager": alertmanager_body}


def send(sink: Sink, notice: Notice) -> None:
    """Send a notice once; raises DeliveryFailed."""
    if isinstance(sink.target, Mail):
        send_mail(sink.target, mail_of(notice, sink.target))
        return
    target = sink.target
    if sink.kind == "alertmanager":
        target = replace(target, url=target.url.rstrip("/") + ALERTMANAGER_PATH)
    post(target, _BODIES[sink.kind](notice), {MESSAGE_ID: notice.id}, notice.now // 1_000_000)


def try_to_send(sink: Sink, notice: Notice) -> DeliveryFailed | None:
    """Send a notice once; return why the sink did not take it, None when it did."""
    try:
        send(sink, notice)
    except DeliveryFailed as error:
        return error
    return None
