"""Serves the floor with several processes on one socket: ``python -m bench.workers PORT COUNT``."""

from __future__ import annotations

import os
import signal
import socket
import sys

from waitress.server import create_server

from audit_webhook.config import Config
from bench.floor import floor_app


def main() -> None:
    """Bind, fork, serve in each child; SIGTERM to the parent ends them all."""
    port, count = int(sys.argv[1]), int(sys.argv[2])
    listener = socket.create_server(("127.0.0.1", port), backlog=128)
    children = [child for child in (_serve(listener) for _ in range(count))]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        for child in children:
            os.waitpid(child, 0)
    finally:
        for child in children:
            os.kill(child, signal.SIGTERM)


def _serve(listener: socket.socket) -> int:
    child = os.fork()
    if child:
        return child
    config = Config.from_env(dict(os.environ))
    create_server(
        floor_app(config), sockets=[listener], threads=8, asyncore_use_poll=True, recv_bytes=256 * 1024,
        inbuf_overflow=64 * 1024**2, max_request_body_size=config.max_body_bytes + 1,
    ).run()
    os._exit(0)


if __name__ == "__main__":
    main()
