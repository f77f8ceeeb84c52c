"""Whether the service answers at its own ports, as far as this machine can tell."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Final

from audit_webhook.config import Config
from audit_webhook.operate.doctor.finding import Finding, fail, ok, warn

CHECK: Final = "port"
SECONDS: Final = 5.0
MOST_BYTES: Final = 64 * 1024
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def check_ports(config: Config) -> Iterator[Finding]:
    """Ask the port of the webhook, and that of the pages if it is another one."""
    host = _EVERYWHERE.get(config.http_host, config.http_host)
    yield _ask(host, config.http_port, "HTTP_PORT", "/healthz", "/readyz")
    if config.ui_port:
        yield _ask(host, config.ui_port, "UI_PORT", "/login")


def _ask(host: str, port: int, setting: str, alive: str, ready: str = "") -> Finding:
    where = f"{host}:{port} ({setting})"
    try:
        status, body = _get(host, port, alive)
        if status != 200 or (ready and _member(body, "status") != "ok"):
            return fail(CHECK, f"another program answers at {where}", f"stop it, or change {setting}")
        status, body = _get(host, port, ready) if ready else (status, body)
    except (OSError, http.client.HTTPException) as error:
        return warn(
            CHECK, f"nothing answers at {where}: {error or type(error).__name__}",
            "start it with `audit-webhook serve`, or see its log",
        )
    if status != 200:
        return fail(CHECK, f"the service at {where} takes no events: {_member(body, 'reason')}", "see the lines above")
    return ok(CHECK, f"the service answers at {where}")


def _get(host: str, port: int, path: str) -> tuple[int, bytes]:
    """Give the status and the beginning of an answer; raises OSError and HTTPException."""
    connection = http.client.HTTPConnection(host, port, timeout=SECONDS)
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        answer = connection.getresponse()
        return answer.status, answer.read(MOST_BYTES)
    finally:
        connection.close()


def _member(body: bytes, name: str) -> str:
    """Give a text of a JSON object; empty when the body is none."""
    try:
        document = json.loads(body)
    except ValueError:
        return ""
    return str(document.get(name, "")) if isinstance(document, dict) else ""
