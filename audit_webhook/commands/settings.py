"""Reads the settings for a command, and says on the log what a ``.env`` file holds that is none."""

from __future__ import annotations

import logging
from typing import Final

from audit_webhook import config as configuration
from audit_webhook.config import Config

logger: Final = logging.getLogger(__name__)


def load() -> Config:
    """Give the settings; raises ConfigError."""
    config, warnings = configuration.load()
    for warning in warnings:
        logger.warning(warning)
    return config
