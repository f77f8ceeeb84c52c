"""What messages say: counts, links and times, nothing secret, and hostile names can do nothing where they are shown."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from audit_webhook.alerts.notifications.formats import (
    MOST_BYTES, alertmanager_body, mail_of, slack_body, webhook_body,
)
from audit_webhook.alerts.notifications.notice import Notice, notice_of
from audit_webhook.alerts.notifications.sink import Mail
from audit_webhook.alerts.rule_files import built_in_rules
from audit_webhook.storage.alert_outbox_store import Message
from audit_webhook.storage.alert_store import Alert
from tests.alerts.sink_story import an_alert
from tests.factories import NOON_US

HOSTILE = "<!channel> @here <https://evil.example|ok> `*x*`\r\nBcc: eve@example.com\u202e&\u2028"
MAIL = Mail("smtp", 25, "none", "audit@example.com", ("b@example.com",))
HOUR = 3_600_000_000


def notice(*alerts: Alert, base: str = "https://audit.example.com", **changes: object) -> Notice:
    """Return a notice of alerts."""
    by_id = {alert.id: alert for alert in alerts}
    message = Message(
        b"\xab" * 16, "ops", b"g" * 16, "firing", "waiting", 3, len(alerts), False, tuple(by_id), NOON_US, NOON_US
    )._replace(**changes)  # type: ignore[arg-type]
    rules = {rule.id: rule for rule in built_in_rules()}
    return notice_of(message, by_id.get, rules.get, base, NOON_US + HOUR)


def hostile(number: int = 1) -> Alert:
    """Return an alert whose texts all came from an attacker."""
    return an_alert(number, actor=HOSTILE, object=HOSTILE, namespace=HOSTILE, client=HOSTILE)


def test_slack_message_has_no_mention_link_or_markup_of_an_event_s() -> None:
    found = json.loads(slack_body(notice(hostile())))
    text = found["text"]
    assert "<!" not in text and "&lt;!channel&gt;" in text and "\u202e" not in text and "\n" not in text.split("• ")[1]
    assert text.count("<") == text.count("<https://audit.example.com/alerts/") == 1
    line = text.split("• ")[1]
    assert line.count("`") == 6 and "`&lt;!channel&gt; @here" in line  # in code, `@here` mentions nobody
    assert found["unfurl_links"] is False


def test_mail_has_no_header_of_an_event_s_and_one_line_for_each_alert() -> None:
    rule = replace(built_in_rules()[0], title="Two\nlines")
    one = notice(hostile())
    mail = mail_of(replace(one, told=(replace(one.told[0], rule=rule),)), MAIL)
    assert mail["Subject"] == "[audit] High: Two\\u000alines" and mail["Bcc"] is None
    head, _, body = bytes(mail).partition(b"\n\n")
    assert b"evil" not in head and b"eve@" not in head and mail["Message-ID"] == f"<{'ab' * 16}@example.com>"
    lines = mail.get_content().splitlines()
    assert sum(line.startswith("- ") for line in lines) == 1 and "\u202e" not in mail.get_content()
    assert f"  https://audit.example.com/alerts/{an_alert().id.hex()}" in lines


def test_webhook_json_stays_within_its_bound_and_says_what_it_left_out() -> None:
    alerts = [hostile(number)._replace(object="\\" * 1000, actor="\u3164" * 170) for number in range(1, 101)]
    body = webhook_body(notice(*alerts))
    found = json.loads(body)
    assert len(body) <= MOST_BYTES and len(found["alerts"]) + found["alerts_left_out"] == 100
    assert json.loads(webhook_body(notice(hostile())))["alerts"][0]["actor"] == HOSTILE  # programs get what was said


def test_alertmanager_gets_each_alert_with_the_time_at_which_it_ends() -> None:
    alert = an_alert(rule="exec-node-escape", severity=4)
    (entry,) = json.loads(alertmanager_body(notice(alert)))
    assert entry["labels"] == {
        "alertname": "exec-node-escape", "severity": "critical", "cluster": "prod", "actor": "mallory",
        "namespace": "shop", "object": "secrets shop/s1", "alert": alert.id.hex()}
    assert (entry["startsAt"], entry["endsAt"]) == ("2026-11-23T12:00:00.000000Z", "2026-11-24T13:00:00.000000Z")
    assert entry["generatorURL"].endswith(alert.id.hex()) and "whoever runs them" in entry["annotations"]["why"]
    closed = alert._replace(state="closed", changed=NOON_US + 5_000_000)
    (entry,) = json.loads(alertmanager_body(notice(closed, kind="resolved")))
    assert entry["endsAt"] == "2026-11-23T12:00:05.000000Z"
    denied = json.loads(alertmanager_body(notice(alert._replace(denied=1, hits=2))))
    assert [each["labels"]["severity"] for each in denied] == ["critical", "high"]
    (test,) = json.loads(alertmanager_body(notice(kind="test")))
    assert test["labels"]["alertname"] == "AuditWebhookTest"


def test_hits_of_events_that_came_late_are_told_as_such() -> None:
    told = json.loads(slack_body(notice(an_alert(hits=3, late=2))))["text"]
    assert told.endswith("3 hits, 2 of events that came late <https://audit.example.com/alerts/" + "0" * 31 + "1|Open>")


@pytest.mark.parametrize(("changes", "said"), [
    ({}, "High: A command in a container reached for the node"),
    ({"hits": 3}, "High: A command in a container reached for the node (3 hits)"),
    ({"hits": 12, "is_more": True}, "12 more: A command in a container reached for the node"),
    ({"kind": "resolved"}, "Closed: A command in a container reached for the node"),
    ({"kind": "test"}, "Test message: this sink receives alerts of the audit webhook"),
], ids=["first", "several", "more", "resolved", "test"])
def test_headline_says_what_and_how_much(changes: dict[str, object], said: str) -> None:
    assert notice(an_alert(rule="exec-node-escape"), **changes).headline == said


def test_long_lists_are_cut_and_without_public_url_there_are_no_links() -> None:
    alerts = [an_alert(number) for number in range(1, 31)]
    assert "… and 20 alerts more" in mail_of(notice(*alerts), MAIL).get_content()
    text = json.loads(slack_body(notice(*alerts, base="")))["text"]
    assert "… and 20 alerts more" in text and "http" not in text and "<" not in text


def test_no_message_holds_a_command_or_body() -> None:
    """What could be secret is not even at hand: a notice is made of alerts and rules alone."""
    one = notice(an_alert())
    assert set(Alert._fields) & {"command", "raw", "request", "response"} == set()
    assert {type(each.alert) for each in one.told} == {Alert}
