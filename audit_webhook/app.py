"""Puts the program together: the only place where settings, store and blueprints meet."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final, Literal

from flask import Flask, Response, current_app, request

from audit_webhook import config as configuration
from audit_webhook.access import blueprint as access
from audit_webhook.access import gate
from audit_webhook.access.access_log import AccessLog
from audit_webhook.access.authentication import FIRST_USER, Readers
from audit_webhook.access.keys import AccessKey, open_access_key
from audit_webhook.access.tokens import TokenSealer
from audit_webhook.access.users import UsersFile
from audit_webhook.alerts import blueprint as alert_pages
from audit_webhook.alerts.evaluation import Evaluation
from audit_webhook.alerts.notifications.delivery import Delivery
from audit_webhook.alerts.notifications.sink_shelf import SinkShelf
from audit_webhook.alerts.notifications.view import sample_sinks
from audit_webhook.alerts.rule_shelf import RuleShelf
from audit_webhook.alerts.stores import open_stores
from audit_webhook.config import Config
from audit_webhook.context import EXTENSION, AppContext, context_of, now
from audit_webhook.events.redaction.settings import make_redaction
from audit_webhook.evidence import blueprint as evidence
from audit_webhook.evidence.checkpointer import Checkpointer
from audit_webhook.evidence.self_check import open_self_check
from audit_webhook.evidence.signer import open_signer
from audit_webhook.explore import api_blueprint as api
from audit_webhook.explore import blueprint as explore
from audit_webhook.explore.clusters import blueprint as clusters
from audit_webhook.explore.losses import blueprint as loss_pages
from audit_webhook.explore.losses import losses
from audit_webhook.explore.quarantine import blueprint as quarantine_pages
from audit_webhook.explore.quarantine.counts import sample_quarantine
from audit_webhook.explore.setup import blueprint as setup
from audit_webhook.ingest import blueprint as ingest
from audit_webhook.ingest.admission import RejectionLog, TokenCheck
from audit_webhook.ingest.durable import DurableStore
from audit_webhook.ingest.senders import SenderLog
from audit_webhook.ingest.spool_drain import SpoolDrain
from audit_webhook.operate import blueprint as ops
from audit_webhook.operate.daily import DailyPruning
from audit_webhook.operate.disk_space import measure_disks
from audit_webhook.operate.file_watch import FileWatch
from audit_webhook.operate.loss_metrics import LossCollector
from audit_webhook.operate.maintenance import Maintenance
from audit_webhook.operate.metrics import Metrics, SpoolState
from audit_webhook.operate.quarantine_metrics import QuarantineWatch
from audit_webhook.operate.sink_metrics import SinkWatch
from audit_webhook.paths import STATIC, TEMPLATES
from audit_webhook.search import blueprint as ui
from audit_webhook.search import saved_blueprint as saved
from audit_webhook.search.feed import LIVE_LIFETIME
from audit_webhook.search.histogram import blueprint as picture
from audit_webhook.search.histogram.histogram import Histograms
from audit_webhook.storage.access_store import AccessStore
from audit_webhook.storage.alert_outbox_store import AlertOutboxStore
from audit_webhook.storage.compactor import Compactor
from audit_webhook.storage.health_probe import HealthProbe
from audit_webhook.storage.loss_store import LossStore
from audit_webhook.storage.quarantine_store import QuarantineStore
from audit_webhook.storage.repository import open_repository
from audit_webhook.storage.sender_store import SenderStore
from audit_webhook.storage.spool.spool import Spool, open_spool
from audit_webhook.web import errors, time_limit
from audit_webhook.worker import Worker, Workers

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
TRANSPORT_SECURITY: Final = "max-age=31536000"  # browsers heed it over https alone
Part = Literal["all", "ingest", "pages"]
_INGEST: Final = (ingest.bp, ops.bp)
_PAGES: Final = (
    api.bp, ui.bp, explore.bp, picture.bp, clusters.bp, evidence.bp, evidence.api, loss_pages.bp,
    quarantine_pages.bp, saved.bp, setup.bp, access.bp,
)
_BLUEPRINTS: Final = {"all": (*_INGEST, *_PAGES), "ingest": _INGEST, "pages": _PAGES}
STATIC_SECONDS: Final = 365 * 86_400


def create_app(config: Config | None = None, part: Part = "all", metrics: Metrics | None = None) -> Flask:
    """Build the WSGI application; without settings, those of the environment and of ``.env`` are used.

    A part of it has only the routes of the webhook and for operators, or only the pages and the JSON interface.

    Raises ConfigError. A database that is away does not stop the start: the application is not ready until it is back.
    """
    if config is None:
        config, warnings = configuration.load()
        for warning in warnings:
            logger.warning(warning)
    config.check_serving()
    static = None if part == "ingest" else str(STATIC)
    app = Flask("audit_webhook", template_folder=str(TEMPLATES), static_folder=static, static_url_path="/static")
    app.url_map.merge_slashes = False  # its redirect would turn a batch into a GET
    app.config["MAX_CONTENT_LENGTH"] = config.max_body_bytes
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = STATIC_SECONDS
    repository = open_repository(config, gate.scope_of_request)
    spool = None if part == "pages" else open_spool(config)
    health_probe = HealthProbe(repository.is_ready)
    store, key = AccessStore(repository.database), open_access_key(config)
    may_write = part != "pages" or config.may_pages_write
    senders = SenderLog(
        SenderStore(repository.database) if may_write else None, LossStore(repository.database), now,
        config.retention_days,
    )
    refusals = RejectionLog(
        repository.refusals if may_write else None, LossStore(repository.database) if may_write else None, senders
    )
    redaction = make_redaction(config.secret_key, config.read_redaction_rules())
    parts = AppContext(
        config, repository, DurableStore(repository, health_probe, spool, redaction),
        TokenCheck(config.webhook_token, config.webhook_tokens_dir), refusals, Histograms(repository),
        _open_readers(config, store, key), AccessLog(store), TokenSealer(key, "live", LIVE_LIFETIME), senders,
        SenderStore(repository.database, gate.scope_of_request), LossStore(repository.database, gate.scope_of_request),
        metrics=metrics or Metrics(),
    )
    parts.metrics.disks = lambda: measure_disks(config)
    parts.metrics.registry.register(LossCollector(lambda: losses.sample_losses(senders.totals, config)))
    quarantine = QuarantineWatch(lambda: sample_quarantine(QuarantineStore(repository.database)))
    parts.metrics.registry.register(quarantine)
    sinks = SinkWatch(lambda: sample_sinks(AlertOutboxStore(repository.database), SinkShelf(config.sinks_file), now()))
    parts.metrics.registry.register(sinks)
    app.extensions[EXTENSION] = parts
    workers = [*_workers(parts, health_probe, spool), quarantine, sinks] if part != "pages" else []
    for blueprint in _BLUEPRINTS[part]:
        app.register_blueprint(blueprint)
    if part != "ingest":
        alert_pages.register(app)
    ops.measure(app)
    gate.register(app)
    errors.register(app)
    time_limit.register(app)
    app.after_request(_add_headers)
    # Last: Python 3.11.2 compiles routes wrongly while another thread writes a traceback (python/cpython#106905).
    app.extensions["workers"] = Workers(*workers, note_failure=parts.metrics.note_background_failure).start()
    return app


def _open_readers(config: Config, store: AccessStore, key: AccessKey) -> Readers:
    readers = Readers(config, UsersFile(Path(config.ui_users_file)), store, key)
    if not readers.has_a_way_in():
        logger.warning("nobody can read yet: %s", FIRST_USER)
    return readers


def _workers(parts: AppContext, health_probe: HealthProbe, spool: Spool | None) -> list[Worker]:
    """Give what goes on in the background of a process that receives batches."""
    signer = open_signer(parts.config, parts.repository, now)
    database, rules = parts.repository.database, RuleShelf(parts.config.rules_dir)
    watch = [FileWatch(database.file, database.close_idle)] if database.file else []
    workers: list[Worker] = [
        *watch, Maintenance(parts.repository, parts.refusals, parts.senders), health_probe, Compactor(parts.repository),
        DailyPruning(parts.repository, parts.config.retention_days, signer, parts.metrics.note_retention),
        Checkpointer(signer, open_self_check(parts.config, parts.repository), parts.metrics),
        Evaluation(
            parts.repository, open_stores(database), rules, now, parts.config.retention_days,
            SinkShelf(parts.config.sinks_file),
        ),
    ]
    if parts.config.sinks_file:
        workers.append(
            Delivery(database, rules, SinkShelf(parts.config.sinks_file), parts.config.public_url, now)
        )
    if spool is None:
        return workers
    parts.metrics.spool = lambda: SpoolState(spool.state().bytes, spool.state().oldest_seconds)
    return [*workers, SpoolDrain(spool, parts.repository, health_probe, now, parts.metrics.note_drained)]


def _add_headers(response: Response) -> Response:
    """Let a browser do nothing that our pages do not need, and keep no copy of audit records."""
    response.headers.update(SECURITY_HEADERS)
    if not context_of(current_app).config.is_development:
        response.headers["Strict-Transport-Security"] = TRANSPORT_SECURITY
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
    return response
