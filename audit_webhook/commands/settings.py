"""Reads the settings for a command, and says on the log what a ``.env`` file holds that is none."""

from __future__ import annotations

import logging
from typing import Final

from audit_webhook import config as configuration
from audit_webhook import logs
from audit_webhook.config import Config

logger: Final = logging.getLogger(__name__)


def load(is_serving: bool = False) -> Config:
    """Give the settings, checked for serving only where a port is opened; raises ConfigError.

    What serves logs JSON in production.
    """
    config, warnings = configuration.load(is_serving=is_serving)
    if is_serving:
        logs.configure(as_json=not config.is_development)
    for warning in warnings:
        logger.warning(warning)
    return config
