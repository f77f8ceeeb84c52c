"""What has a limit in time ends in time, also where it waits for others."""

from __future__ import annotations

import threading
import time

import pytest

from audit_webhook.deadline import held, left, within


def test_without_a_limit_a_step_may_take_what_it_asks_for() -> None:
    assert left(7) == 7


def test_step_gets_what_is_left_and_nothing_when_time_is_over() -> None:
    with within(5):
        assert left(2) == 2
        assert 4 < left(10) <= 5
    with within(0), pytest.raises(TimeoutError):
        left(1)


def test_inner_limit_never_outlives_the_outer_one() -> None:
    with within(1):
        with within(100):
            assert left(50) <= 1
        with within(0.1):
            assert left(50) <= 0.1
        assert left(50) > 0.5


def test_limit_belongs_to_its_thread() -> None:
    seen = []
    with within(0):
        thread = threading.Thread(target=lambda: seen.append(left(3)))
        thread.start()
        thread.join()
    assert seen == [3]


def test_lock_that_is_not_given_back_is_waited_for_no_longer_than_the_limit() -> None:
    lock = threading.Lock()
    began = time.monotonic()
    with lock, within(0.3), pytest.raises(TimeoutError), held(lock):
        pass
    assert 0.2 < time.monotonic() - began < 2


def test_who_waits_for_a_lock_gives_up_when_there_is_no_point() -> None:
    lock = threading.Lock()
    began = time.monotonic()
    with lock, within(60, lambda: True), pytest.raises(TimeoutError), held(lock):
        pass
    assert time.monotonic() - began < 5


def test_lock_is_free_after_the_block() -> None:
    lock = threading.Lock()
    with pytest.raises(KeyError), held(lock):
        raise KeyError
    assert not lock.locked()
