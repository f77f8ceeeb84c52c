"""A stand-in for a login proxy such as oauth2-proxy: whoever has the cookie ``login=NAME`` is NAME."""

from __future__ import annotations

import threading
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

SIGN_IN = b"please log in"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer 202 with the name, 401 without one, and the page to log in."""
        name = SimpleCookie(self.headers.get("Cookie", "")).get("login")
        if self.path == "/oauth2/auth":
            self._answer(202 if name else 401, b"", {"X-Auth-Request-User": name.value} if name else {})
        else:
            self._answer(200, SIGN_IN, {"X-Leads-To": self.headers.get("X-Auth-Request-Redirect", "")})

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


class LoginProxy:
    """Listens on a free port, `port`; it ends with its ``with`` block."""

    def __enter__(self) -> Self:
        """Listen."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
