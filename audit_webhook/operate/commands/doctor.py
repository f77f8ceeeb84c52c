"""``audit-webhook doctor``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from typing import Final

from audit_webhook import config as configuration
from audit_webhook.context import now
from audit_webhook.errors import ConfigError
from audit_webhook.events.visible_text import shown
from audit_webhook.operate import doctor
from audit_webhook.operate.doctor import Finding

HELP: Final = "check this installation and say what to do; exit code 1 when a check fails"
NO: Final = 1
LONGEST: Final = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take how to print."""
    parser.add_argument("--json", action="store_true", help="print one JSON object with all findings")


def run(chosen: argparse.Namespace) -> int:
    """Print each finding while it is found, or all as JSON; 1 when one of them is a failure."""
    findings = []
    for finding in _examine():
        findings.append(finding)
        if not chosen.json:
            print(_line(finding), flush=True)
    if chosen.json:
        checks = [finding._asdict() for finding in findings]
        print(json.dumps({"status": doctor.worst(findings), "checks": checks}, indent=2))
    return NO if doctor.worst(findings) == "fail" else 0


def _examine() -> Iterable[Finding]:
    try:
        config, warnings = configuration.load(is_serving=False)
    except ConfigError as error:
        return doctor.settings_refused(error)
    return doctor.examine(config, warnings, now())


def _line(finding: Finding) -> str:
    advice = f"; {finding.advice}" if finding.advice else ""
    return shown(f"{finding.status}: {finding.check}: {finding.what}{advice}", longest=LONGEST)
