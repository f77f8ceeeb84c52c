"""Puts the program together: the only place where settings, store and blueprints meet."""

from __future__ import annotations

import logging
from typing import Final

from flask import Flask, Response, request

from audit_webhook import config as configuration
from audit_webhook.blueprints import api, errors, ingest, ops, setup, ui
from audit_webhook.config import Config
from audit_webhook.keeper import Keeper
from audit_webhook.repository import open_repository
from audit_webhook.resources import STATIC, TEMPLATES
from audit_webhook.services.intake import RefusalBook, TokenCheck
from audit_webhook.wiring import EXTENSION, Wiring

logger: Final = logging.getLogger(__name__)

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
STATIC_SECONDS: Final = 365 * 86_400


def create_app(config: Config | None = None) -> Flask:
    """Build the WSGI application; without settings, those of the environment and of ``.env`` are used.

    Raises ConfigError. A database that is away does not stop the start: the application is not ready until it is back.
    """
    if config is None:
        config, warnings = configuration.load()
        for warning in warnings:
            logger.warning(warning)
    app = Flask("audit_webhook", template_folder=str(TEMPLATES), static_folder=str(STATIC), static_url_path="/static")
    app.url_map.merge_slashes = False  # its redirect would turn a batch into a GET
    app.config["MAX_CONTENT_LENGTH"] = config.max_body_bytes
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = STATIC_SECONDS
    repository = open_repository(config)
    tokens = TokenCheck(config.webhook_token, config.webhook_tokens_dir)
    app.extensions[EXTENSION] = Wiring(config, repository, tokens, RefusalBook(repository))
    app.extensions["keeper"] = Keeper(repository).start()
    for blueprint in (ingest.bp, ops.bp, api.bp, ui.bp, setup.bp):
        app.register_blueprint(blueprint)
    errors.register(app)
    app.after_request(_add_headers)
    return app


def _add_headers(response: Response) -> Response:
    """Let a browser do nothing that our pages do not need, and keep no copy of audit records."""
    response.headers.update(SECURITY_HEADERS)
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
    return response
