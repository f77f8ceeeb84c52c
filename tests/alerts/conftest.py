"""Delivery of messages, made and ended with a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from audit_webhook.alerts.notifications.delivery import Delivery
from audit_webhook.alerts.notifications.sink_shelf import SinkShelf
from audit_webhook.alerts.rule_shelf import RuleShelf
from audit_webhook.storage.repository import Repository
from tests.alerts.sink_story import Clock


@pytest.fixture
def clock() -> Clock:
    """The clock of a test."""
    return Clock()


@pytest.fixture
def make(repository: Repository, clock: Clock) -> Iterator[Callable[[SinkShelf], Delivery]]:
    """Make deliveries; all are ended with the test."""
    with ExitStack() as made:
        def make_one(shelf: SinkShelf) -> Delivery:
            one = Delivery(repository.database, RuleShelf(""), shelf, "https://audit.example.com", clock)
            made.callback(one.finish)
            made.callback(one.stopped.set)
            return one

        yield make_one
