"""Alarms are raised when they should and not else; alarms and dashboard ask for metrics that there are."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import yaml
from flask.testing import FlaskClient

from audit_webhook.app import create_app
from audit_webhook.config import Config
from audit_webhook.context import context_of
from audit_webhook.ingest.senders import Totals
from audit_webhook.operate.metrics import MEANINGS
from audit_webhook.operate.quarantine_metrics import QuarantineWatch
from audit_webhook.operate.sink_metrics import SinkWatch
from tests.factories import audit_event, event_list

ROOT: Final = Path(__file__).resolve().parents[2]
RULES: Final = ROOT / "deploy/monitoring/rules.yaml"
GROUPS: Final = yaml.safe_load(RULES.read_text())["groups"]
ALARMS: Final = {rule["alert"]: rule for group in GROUPS for rule in group["rules"]}
DASHBOARD: Final = json.loads((ROOT / "deploy/monitoring/dashboard.json").read_text())
PANELS: Final = {panel["title"]: panel for panel in DASHBOARD["panels"]}
# Of the kube-apiserver: k8s.io/apiserver pkg/audit/metrics.go.
FOREIGN: Final = {
    "apiserver_audit_error_total": {"plugin"}, "apiserver_audit_event_total": set[str](),
}
SELECTOR: Final = re.compile(r"\b((?:audit_webhook|apiserver)_\w+)(?:\{([^}]*)\})?")
MATCHER: Final = re.compile(r'(\w+)(?:=~|!=|!~|=)"([^"]*)"')
PROMTOOL: Final = ROOT / ".venv/bin/promtool"
MIB: Final = 1024**2


def promtool(*arguments: str) -> str:
    """Run promtool; it must be content."""
    done = subprocess.run([str(PROMTOOL), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Case(NamedTuple):
    """Series of one sample a minute, in promtool's notation, and whether an alarm is raised some minutes later."""

    alarm: str
    series: dict[str, str]
    minutes: int
    is_raised: bool


STORED: Final = 'audit_webhook_events_total{cluster="prod",outcome="stored"}'
CONTACT: Final = 'audit_webhook_last_contact_timestamp_seconds{cluster="prod"}'
LEFT_OUT: Final = 'audit_webhook_quarantine_left_out{cluster="prod"}'
QUARANTINED: Final = 'audit_webhook_events_total{cluster="prod",outcome="quarantined"}'
AGE, SPOOL = "audit_webhook_spool_oldest_seconds", "audit_webhook_spool_bytes"
FREE, SIZE = ('audit_webhook_disk_%s_bytes{disk="spool"}' % each for each in ("free", "size"))
SIGNED: Final = "audit_webhook_last_checkpoint_timestamp_seconds"
HELD_BACK: Final = "audit_webhook_retention_held_back"
BROKEN: Final = 'audit_webhook_evidence_breaks_total{kind="BAD_LINK"}'
FAILED: Final = 'audit_webhook_background_failures_total{task="pruning"}'
SILENT: Final = 'audit_webhook_sender_silent{address="10.0.0.2",cluster="prod"}'
MISSING: Final = 'audit_webhook_senders_missing{cluster="prod"}'
GIVEN_UP: Final = 'audit_webhook_events_given_up{cluster="prod"}'
GAP: Final = 'audit_webhook_gaps_last_hour{cluster="prod",kind="pause"}'
LATE_MESSAGE: Final = 'audit_webhook_notifications_oldest_seconds{sink="hook"}'
DEAD_LETTERS: Final = 'audit_webhook_notifications_dead{sink="hook"}'
STARTS: Final = "audit_webhook_process_starts_total"
DROPPED: Final = 'apiserver_audit_error_total{instance="cp-1",plugin="webhook"}'


def refused(reason: str, values: str) -> dict[str, str]:
    """Give the series of refused requests."""
    return {f'audit_webhook_requests_refused_total{{reason="{reason}"}}': values}


def late(above: str) -> dict[str, str]:
    """Give the series of a lag: fifty batches a minute below a second, and with those above two minutes so many."""
    series = {'audit_webhook_lag_seconds_bucket{cluster="prod",le="%s"}' % le: "0+50x40" for le in ("1.0", "120.0")}
    return series | {'audit_webhook_lag_seconds_bucket{cluster="prod",le="%s"}' % le: above for le in ("300.0", "+Inf")}


CASES: Final = [
    Case("AuditWebhookNothingStored", {STORED: "0+100x10 1000x30"}, 40, True),
    Case("AuditWebhookNothingStored", {}, 10, True),
    Case("AuditWebhookNothingStored", {STORED: "0+100x40"}, 40, False),
    Case("AuditWebhookNothingStored", {STORED: "0+100x10 1000x5 1100+100x40"}, 20, False),
    Case("AuditWebhookClusterSilent", {CONTACT: "0+60x10 600x30"}, 35, True),
    Case("AuditWebhookClusterSilent", {CONTACT: "0+60x10 _x50"}, 35, True),  # the service was restarted
    Case("AuditWebhookClusterSilent", {CONTACT: "0+60x40"}, 40, False),
    Case("AuditWebhookSenderSilent", {SILENT: "0x5 1x20"}, 10, True),
    Case("AuditWebhookSenderSilent", {SILENT: "0x5 1 0x20"}, 10, False),
    Case("AuditWebhookSendersMissing", {MISSING: "1x20"}, 10, True),
    Case("AuditWebhookSendersMissing", {MISSING: "0x5 1x3 0x20"}, 12, False),
    Case("AuditWebhookEventsGivenUp", {GIVEN_UP: "_x5 438x20"}, 10, True),
    Case("AuditWebhookEventsGivenUp", {GIVEN_UP: "10x99 448x99"}, 110, True),
    Case("AuditWebhookEventsGivenUp", {GIVEN_UP: "438x99"}, 90, False),
    Case("AuditWebhookEventsGivenUp", {GIVEN_UP: "438x70 10x99"}, 90, False),
    Case("AuditWebhookGap", {GAP: "0x5 1x20"}, 8, True),
    Case("AuditWebhookGap", {GAP: "0x30"}, 20, False),
    Case("AuditWebhookBatchesLost", refused("token", "0x5 1x20"), 8, True),
    Case("AuditWebhookBatchesLost", refused("size", "0+1x20"), 8, True),
    Case("AuditWebhookBatchesLost", refused("token", "7x30"), 30, False),
    Case("AuditWebhookBatchesLost", refused("overload", "0+9x30"), 30, False),
    Case("AuditWebhookNotTaking", refused("store", "0+5x20"), 10, True),
    Case("AuditWebhookNotTaking", refused("store", "0x5 3x20"), 8, False),
    Case("AuditWebhookNotTaking", refused("token", "0+5x20"), 10, False),
    Case("AuditWebhookSpoolGrowing", {AGE: "0+60x30", SPOOL: "0+1000x30"}, 20, True),
    Case("AuditWebhookSpoolGrowing", {AGE: "0+60x30", SPOOL: "90000-1000x30"}, 20, False),
    Case("AuditWebhookSpoolGrowing", {AGE: "0x30", SPOOL: "0x30"}, 20, False),
    Case("AuditWebhookLag", late("0+60x40"), 40, True),
    Case("AuditWebhookLag", late("0+51x40"), 40, False),
    Case("AuditWebhookQuarantine", {QUARANTINED: "0x5 1x20"}, 10, True),
    Case("AuditWebhookQuarantine", {QUARANTINED: "5x90"}, 90, False),
    Case("AuditWebhookQuarantineFull", {LEFT_OUT: "0x5 1x20"}, 10, True),
    Case("AuditWebhookQuarantineFull", {LEFT_OUT: "0x30"}, 20, False),
    Case("AuditWebhookDiskLow", {FREE: f"{90 * MIB}x30", SIZE: f"{1000 * MIB}x30"}, 20, True),
    Case("AuditWebhookDiskLow", {FREE: f"{110 * MIB}x30", SIZE: f"{1000 * MIB}x30"}, 20, False),
    Case("AuditWebhookDiskFull", {FREE: f"{500 * MIB}x30", SIZE: f"{10000 * MIB}x30"}, 20, True),
    Case("AuditWebhookDiskFull", {FREE: f"{4000 * MIB}-{4 * MIB}x99", SIZE: f"{10000 * MIB}x99"}, 90, True),
    Case("AuditWebhookDiskFull", {FREE: f"{4000 * MIB}-{4 * MIB}x99", SIZE: f"{10000 * MIB}x99"}, 50, False),
    Case("AuditWebhookDiskFull", {FREE: f"{9000 * MIB}-{8 * MIB}x99", SIZE: f"{10000 * MIB}x99"}, 90, False),
    Case("AuditWebhookDiskFull", {FREE: f"{4000 * MIB}-{MIB}x99", SIZE: f"{10000 * MIB}x99"}, 90, False),
    Case("AuditWebhookRestarting", {STARTS: "4+1x20"}, 15, True),
    Case("AuditWebhookRestarting", {STARTS: "4x10 5x10"}, 15, False),
    Case("AuditWebhookBackgroundFailing", {FAILED: "0+1x20"}, 15, True),
    Case("AuditWebhookBackgroundFailing", {FAILED: "0x5 1x20"}, 15, False),
    Case("AuditWebhookRetentionHeldBack", {HELD_BACK: "0x5 1x20"}, 12, True),
    Case("AuditWebhookRetentionHeldBack", {HELD_BACK: "1x5 0x20"}, 12, False),
    Case("AuditWebhookEvidenceBroken", {BROKEN: "0x5 1x20"}, 8, True),
    Case("AuditWebhookEvidenceBroken", {BROKEN: "1x5 0x90"}, 90, True),  # the service was restarted
    Case("AuditWebhookEvidenceBroken", {BROKEN: "0x30"}, 20, False),
    Case("AuditWebhookEvidenceUnsigned", {SIGNED: "0+60x10 600x30", STORED: "0+100x40"}, 28, True),
    Case("AuditWebhookEvidenceUnsigned", {SIGNED: "0x30", STORED: "0+100x30"}, 20, True),
    Case("AuditWebhookEvidenceUnsigned", {SIGNED: "31536000x30", STORED: "0+100x30"}, 20, True),  # a clock was ahead
    Case("AuditWebhookEvidenceUnsigned", {SIGNED: "600x120", STORED: "7x120"}, 95, True),
    Case("AuditWebhookEvidenceUnsigned", {SIGNED: "600x120", STORED: "7x120"}, 75, False),
    Case("AuditWebhookEvidenceUnsigned", {SIGNED: "0+60x40", STORED: "0+100x40"}, 40, False),
    Case("AuditWebhookEvidenceUnsigned", {STORED: "0+100x99"}, 90, False),  # nothing is to be signed
    Case("AuditWebhookNotificationsStuck", {LATE_MESSAGE: "0+60x40"}, 22, True),
    Case("AuditWebhookNotificationsStuck", {LATE_MESSAGE: "0+60x18 0x40"}, 40, False),
    Case("AuditWebhookNotificationsDead", {DEAD_LETTERS: "0x5 3x20"}, 12, True),
    Case("AuditWebhookNotificationsDead", {DEAD_LETTERS: "0x5 3x3 0x20"}, 12, False),
    Case("ApiserverAuditErrors", {DROPPED: "0x5 3x20"}, 8, True),
    Case("ApiserverAuditErrors", {DROPPED: "3x30"}, 20, False),
]


def as_promtool(case: Case) -> dict[str, Any]:
    """Write a case as promtool wants it: it must have exactly the alarms expected, whatever their texts."""
    raised = f'count(ALERTS{{alertname="{case.alarm}",alertstate="firing"}}) or vector(0)'
    sample = [{"labels": "{}", "value": int(case.is_raised)}]
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in case.series.items()],
        "promql_expr_test": [{"expr": raised, "eval_time": f"{case.minutes}m", "exp_samples": sample}],
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.alarm}-{case.is_raised}")
def test_alarm_is_raised_when_it_should_and_not_else(tmp_path: Path, case: Case) -> None:
    path = tmp_path / "case.yaml"
    path.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [as_promtool(case)]}))
    promtool("test", "rules", str(path))


def test_every_alarm_was_seen_raised_and_silent() -> None:
    seen = {(case.alarm, case.is_raised) for case in CASES}
    assert seen == {(alarm, is_raised) for alarm in ALARMS for is_raised in (True, False)}


@pytest.mark.parametrize("alarm", ALARMS)
def test_alarm_leads_to_its_section_of_the_guide(alarm: str) -> None:
    page, _, anchor = ALARMS[alarm]["annotations"]["runbook_url"].partition("#")
    text = (ROOT / page).read_text("utf-8")
    parts = re.findall(r"^#+ (.*)\n(.*(?:\n(?!#).*)*)", text, re.MULTILINE)
    sections = {anchor_of(title): body for title, body in parts}
    assert anchor in sections and f"`{alarm}`" in sections[anchor]
    assert ALARMS[alarm]["labels"]["severity"] in ("critical", "warning") and ALARMS[alarm]["annotations"]["summary"]


def anchor_of(title: str) -> str:
    """Give the anchor that a heading of Markdown has on the web."""
    return re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, set[str]]]]:
    """The real /metrics after a batch: for each name its labels with their values."""
    folder = tmp_path_factory.mktemp("metrics")
    settings = {
        "ENVIRONMENT": "development", "DB_PATH": str(folder / "audit.db"), "SPOOL_DIR": str(folder / "spool"),
        "EVIDENCE_KEY_FILE": str(folder / "evidence.key"), "EXPECTED_SENDERS": "prod=2",
        "SINKS_FILE": str(folder / "sinks.toml"),
    }
    (folder / "sinks.toml").write_text('[[sink]]\nname = "hook"\nkind = "webhook"\nurl = "http://127.0.0.1:1/"\n')
    app = create_app(Config.from_env(settings))
    client: FlaskClient = app.test_client()
    client.post("/webhook/audit/prod", data=event_list([audit_event(1), b"null"]))
    context_of(app).senders.write_now()
    sender = context_of(app).sender_store.read_senders()[0]
    pairs = {("prod", "token"): 1}
    context_of(app).senders.totals = Totals(((sender, "heard"),), {"prod": 3}, pairs, pairs)
    for worker in app.extensions["workers"]._workers:
        if isinstance(worker, QuarantineWatch | SinkWatch):
            worker.work()
    context_of(app).metrics.note_retention(is_held_back=False)
    text = client.get("/metrics").get_data(as_text=True)
    app.extensions["workers"].stop()
    context_of(app).repository.close()
    found: dict[str, dict[str, set[str]]] = {}
    for name, labels in re.findall(r"^(\w+)(?:\{(.*)\})? \S+$", text, re.MULTILINE):
        known = found.setdefault(name, {})
        for label, value in re.findall(r'(\w+)="([^"]*)"', labels):
            known.setdefault(label, set()).add(value)
    yield found


def expressions() -> dict[str, str]:
    """Give every expression of the dashboard and of the alarms by what it belongs to."""
    found = {f"alarm {name}": rule["expr"] for name, rule in ALARMS.items()}
    for title, panel in PANELS.items():
        found |= {f"panel {title} {target['refId']}": target["expr"] for target in panel["targets"]}
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            found[f"variable {variable['name']}"] = re.sub(r"label_values\((\w+), (\w+)\)", r'\1{\2=~"$cluster"}',
                                                           variable["query"]["query"])
    return found


@pytest.mark.parametrize("expression", expressions().values(), ids=list(expressions()))
def test_expression_asks_for_metrics_and_labels_that_there_are(
    exposed: dict[str, dict[str, set[str]]], expression: str
) -> None:
    selectors = SELECTOR.findall(expression)
    assert selectors
    for name, matchers in selectors:
        assert name in exposed or name in FOREIGN, name
        for label, values in MATCHER.findall(matchers):
            if name in FOREIGN:
                assert label in FOREIGN[name]
            elif values != "$cluster":
                assert set(values.split("|")) <= exposed[name][label], (name, label)
    grouped = {label.strip() for labels in re.findall(r"by \(([^)]*)\)", expression) for label in labels.split(",")}
    known = {label for name, _ in selectors for label in exposed.get(name, FOREIGN.get(name, ()))}
    assert grouped <= known | {"instance"}


def test_every_metric_is_on_the_dashboard_or_is_the_sum_of_others() -> None:
    asked = {re.sub(r"_bucket$", "", name) for text in expressions().values() for name, _ in SELECTOR.findall(text)}
    assert MEANINGS.keys() - asked == {"audit_webhook_bytes_total", "audit_webhook_bytes_drained_total"}


def test_every_expression_is_one_that_prometheus_understands(tmp_path: Path) -> None:
    promtool("check", "rules", str(RULES))
    rules = [
        {"record": f"panel:{number}", "expr": expression.replace("$cluster", ".*")}
        for number, expression in enumerate(expressions().values())
    ]
    (tmp_path / "panels.yaml").write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    assert f"{len(rules)} rules found" in promtool("check", "rules", str(tmp_path / "panels.yaml"))


def test_panels_are_explained_and_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken and max(x for x, _ in cells) < 24
        taken |= cells
        assert panel["description"] and panel["fieldConfig"]["defaults"]["unit"]
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(PANELS) == len(DASHBOARD["panels"])
