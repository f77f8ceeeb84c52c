"""What `create_app` puts together, for the views to find."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from audit_webhook.access.access_log import AccessLog
from audit_webhook.access.authentication import Readers
from audit_webhook.access.tokens import TokenSealer
from audit_webhook.config import Config
from audit_webhook.ingest.admission import RejectionLog, TokenCheck
from audit_webhook.ingest.durable import DurableStore
from audit_webhook.ingest.senders import SenderLog
from audit_webhook.operate.metrics import Metrics
from audit_webhook.search.histogram.histogram import Histograms
from audit_webhook.storage.loss_store import LossStore
from audit_webhook.storage.repository import Repository
from audit_webhook.storage.sender_store import SenderStore

EXTENSION: Final = "audit_webhook"


def now() -> int:
    """Give the time in microseconds since the epoch."""
    return time.time_ns() // 1000


@dataclass(frozen=True, slots=True)
class AppContext:
    """The parts of a running application; ``stopping`` is set once it shall get no more requests."""

    config: Config
    repository: Repository
    durable: DurableStore
    tokens: TokenCheck
    refusals: RejectionLog
    pictures: Histograms
    readers: Readers
    readings: AccessLog
    live_tokens: TokenSealer
    senders: SenderLog
    sender_store: SenderStore
    losses: LossStore
    clock: Callable[[], int] = now
    metrics: Metrics = field(default_factory=Metrics)
    stopping: threading.Event = field(default_factory=threading.Event)


def context_of(app: Any) -> AppContext:
    """Give an application's parts."""
    parts: AppContext = app.extensions[EXTENSION]
    return parts
