"""Serves the application with waitress, and cures what waitress leaves open to slow, greedy and hostile clients."""

from audit_webhook.operate.server.listener import Listener, create_server, run_in_thread
from audit_webhook.operate.server.workers import serve

__all__ = ["Listener", "create_server", "run_in_thread", "serve"]
