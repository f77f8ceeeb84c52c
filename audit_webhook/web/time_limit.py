"""Gives each page a limit in time, which queries and long loops below it keep (`audit_webhook/deadline.py`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from flask import Flask

from audit_webhook.deadline import within

PAGE_SECONDS: Final = 20.0
_BATCHES: Final = "/webhook"  # these have limits of their own, which a kube-apiserver's patience sets


def register(app: Flask) -> None:
    """Limit the time until the answer to anything but a batch begins; what is streamed afterwards may take longer."""
    answer: Callable[[dict[str, Any], Any], Any] = app.wsgi_app

    def limited(environ: dict[str, Any], start_response: Any) -> Any:
        if environ.get("PATH_INFO", "").startswith(_BATCHES):
            return answer(environ, start_response)
        with within(PAGE_SECONDS):
            return answer(environ, start_response)

    app.wsgi_app = limited  # type: ignore[method-assign]
