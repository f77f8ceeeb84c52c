"""Serves the application with waitress."""

from __future__ import annotations

import logging
import signal
import sys
from typing import Any, Final

from flask import Flask
from waitress.server import create_server as create_waitress

from audit_webhook.config import Config

logger: Final = logging.getLogger(__name__)

THREADS: Final = 8
CONNECTIONS: Final = 1000
IDLE_SECONDS: Final = 120  # above the 90 s after which Go's client closes an idle connection
HEADER_BYTES: Final = 32 * 1024
MEMORY_BYTES: Final = 1024**2


def serve(app: Flask, config: Config) -> None:
    """Listen and answer until the process is told to stop."""
    server = create_server(app, config)
    signal.signal(signal.SIGTERM, _stop)
    shown = "localhost" if config.http_host in ("127.0.0.1", "0.0.0.0") else config.http_host
    logger.info("listening on http://%s:%d", shown, config.http_port)
    try:
        server.run()
    except (KeyboardInterrupt, SystemExit):
        logger.info("stopping")
    finally:
        server.close()


def create_server(app: Flask, config: Config) -> Any:
    """Bind the port; OSError when it is taken."""
    return create_waitress(
        app,
        host=config.http_host,
        port=config.http_port,
        threads=THREADS,
        connection_limit=CONNECTIONS,
        asyncore_use_poll=True,
        channel_timeout=IDLE_SECONDS,
        max_request_body_size=config.max_body_bytes + 1,
        max_request_header_size=HEADER_BYTES,
        inbuf_overflow=MEMORY_BYTES,
        recv_bytes=256 * 1024,
        ident=None,
        clear_untrusted_proxy_headers=True,
        expose_tracebacks=False,
    )


def _stop(*_: object) -> None:
    sys.exit(0)
