"""Asks every check in turn, from the settings to the port."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from audit_webhook.config import Config
from audit_webhook.errors import ConfigError
from audit_webhook.operate.doctor.disk import check_disk
from audit_webhook.operate.doctor.evidence import check_key
from audit_webhook.operate.doctor.finding import Finding, fail
from audit_webhook.operate.doctor.port import check_ports
from audit_webhook.operate.doctor.readers import check_readers
from audit_webhook.operate.doctor.settings import check_settings
from audit_webhook.operate.doctor.sinks import check_sinks_file
from audit_webhook.operate.doctor.spool import check_spool
from audit_webhook.operate.doctor.store import check_store
from audit_webhook.operate.doctor.tokens import check_tokens


def examine(config: Config, warnings: Iterable[str], now: int) -> Iterator[Finding]:
    """Give each finding as soon as it is known; ``now`` is in microseconds, ``warnings`` are those of the settings."""
    yield from check_settings(config, warnings)
    yield from check_tokens(config)
    yield from check_readers(config)
    yield from check_key(config)
    yield from check_sinks_file(config)
    yield from check_store(config, now)
    yield from check_disk(config)
    yield from check_spool(config)
    yield from check_ports(config)


def settings_refused(error: ConfigError) -> list[Finding]:
    """Give a finding for each setting that cannot be read: without them there is nothing else to look at."""
    return [fail("settings", problem, "correct the value") for problem in str(error).splitlines()]
