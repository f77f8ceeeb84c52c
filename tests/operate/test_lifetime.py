"""A process that serves takes no more memory than its batches need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import ctypes, sys, threading
from audit_webhook.operate.server.lifetime import share_heap

if sys.argv[2] == "shared":
    share_heap()
everyone = threading.Barrier(4)

def work():
    kept = [bytes(2_000) for _ in range(2_000)]
    everyone.wait()

threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
written = ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"w"))
libc.malloc_info(0, written)
libc.fclose(written)
"""


def count_heaps(report: Path, mode: str) -> int:
    """Give how many heaps four threads of a process have used (malloc_info(3))."""
    subprocess.run([sys.executable, "-c", PROGRAM, str(report), mode], check=True, timeout=60)
    return report.read_text().count("<heap nr=")


def test_threads_share_one_heap(tmp_path: Path) -> None:
    assert count_heaps(tmp_path / "shared", "shared") == 1
    assert count_heaps(tmp_path / "apart", "apart") > 1
