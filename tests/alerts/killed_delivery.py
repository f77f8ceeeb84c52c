"""A program that delivers messages in processes that it kills with SIGKILL at random moments.

Arguments: the file of sinks, how often to kill, and a seed. The settings are those of the environment.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time

from audit_webhook.alerts.notifications import delivery
from audit_webhook.alerts.notifications.sink_shelf import SinkShelf
from audit_webhook.alerts.rule_shelf import RuleShelf
from audit_webhook.config import load
from audit_webhook.context import now
from audit_webhook.storage.alert_outbox_store import AlertOutboxStore
from audit_webhook.storage.repository import open_repository


def run(path: str) -> None:
    """Deliver until nothing waits."""
    repository = open_repository(load()[0])
    one = delivery.Delivery(repository.database, RuleShelf(""), SinkShelf(path), "", now)
    while AlertOutboxStore(repository.database).counts() or not one._has_lease:
        one.work()
        time.sleep(0.01)


def main(path: str, times: int, seed: int) -> None:
    """Kill a delivering process so many times, then let one come to its end."""
    delivery.LEASE, delivery.RENEW_SECONDS = 150_000, 0.05  # type: ignore[misc]
    chance = random.Random(seed)
    for life in range(times + 1):
        child = os.fork()
        if child == 0:
            run(path)
            os._exit(0)
        if life < times:
            time.sleep(chance.uniform(0.02, 0.4))
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
