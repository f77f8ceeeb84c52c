"""Asks the doctor about one thing."""

from __future__ import annotations

from audit_webhook.config import Config
from audit_webhook.context import now
from audit_webhook.operate.doctor import examine

LONG_TOKEN = "0123456789abcdef0123456789abcdef"
GIB = 1024**3


def found(config: Config, check: str, *warnings: str) -> list[tuple[str, str]]:
    """Give status and text of what a check finds, good news left out."""
    said = [each for each in examine(config, warnings, now()) if each.check == check]
    assert said, f"the doctor says nothing about {check}"
    assert all(bool(each.advice) == (each.status != "ok") for each in said)
    return [(each.status, each.what) for each in said if each.status != "ok"]


def only(config: Config, check: str) -> tuple[str, str]:
    """Give the one thing that is wrong with a check."""
    (problem,) = found(config, check)
    return problem
