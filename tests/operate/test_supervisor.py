"""A process that hangs is killed and started again, and SIGTERM ends the service in time whatever runs."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

PROGRAM: Final = """
import re, signal, sys, time
from pathlib import Path
from audit_webhook.operate.server import workers

workers.LOOK_SECONDS, workers.HUNG_LOOKS = 0.05, int(sys.argv[2])
workers.DRAIN_SECONDS = workers.END_SECONDS = 0.5
beats = workers.share_beats(1)

def hold_the_interpreter(parent):
    with Path(sys.argv[1]).open("a") as log:
        log.write("started\\n")
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    beats[0] += 1
    re.match("(a+)+$", "a" * 60 + "b")  # for years, and no other thread or signal handler gets its turn

sys.exit(workers.Supervisor([workers.Worker("worker", hold_the_interpreter, beats)], []).run())
"""


def run(log: Path, looks: int) -> subprocess.Popen[bytes]:
    """Start a service whose only process hangs as soon as it has begun."""
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(log), str(looks)])
    deadline = time.monotonic() + 30
    while not log.exists() or not log.read_text():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    return process


def test_process_that_hangs_is_killed_and_started_again(tmp_path: Path) -> None:
    process = run(tmp_path / "log", 4)
    try:
        deadline = time.monotonic() + 30
        while (tmp_path / "log").read_text().count("started") < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def test_sigterm_ends_a_service_whose_process_holds_the_interpreter(tmp_path: Path) -> None:
    process = run(tmp_path / "log", 9999)
    time.sleep(0.3)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 1
    assert time.monotonic() - began < 15
