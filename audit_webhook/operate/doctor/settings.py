"""Whether the service would start with these settings, and what they leave unsafe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from audit_webhook.config import Config
from audit_webhook.errors import ConfigError
from audit_webhook.operate.doctor.finding import Finding, fail, ok, warn

CHECK: Final = "settings"


def check_settings(config: Config, warnings: Iterable[str]) -> Iterator[Finding]:
    """Look at the settings themselves; ``warnings`` tell of unknown names."""
    problems = [*_refusals(config), *(warn(CHECK, each, "correct or remove the line") for each in warnings)]
    if config.is_development:
        problems.append(
            warn(CHECK, "ENVIRONMENT is development, for a trial on one machine", "set ENVIRONMENT=production")
        )
    elif not config.spool_dir:
        problems.append(
            warn(
                CHECK, "SPOOL_DIR is not set: events are lost when the database is away for longer than a "
                "kube-apiserver tries again, four to seven minutes with the flags of /setup",
                "set it to a folder on a persistent disk",
            )
        )
    yield from problems or [ok(CHECK, "the service can start with them")]


def _refusals(config: Config) -> list[Finding]:
    try:
        config.check_serving()
    except ConfigError as error:
        return [fail(CHECK, f"serve refuses to start: {error}", "change the setting that is named")]
    return []
