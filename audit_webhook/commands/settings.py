"""Reads the settings for a command, and says on the log what a ``.env`` file holds that is none."""

from __future__ import annotations

import logging
from typing import Final

from audit_webhook import config as configuration
from audit_webhook import logs
from audit_webhook.config import Config

logger: Final = logging.getLogger(__name__)


def load(is_service: bool = False) -> Config:
    """Give the settings; raises ConfigError. A service logs JSON in production."""
    config, warnings = configuration.load()
    if is_service:
        logs.configure(as_json=not config.is_development)
    for warning in warnings:
        logger.warning(warning)
    return config
