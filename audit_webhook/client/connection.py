"""Asks a server's JSON interface over HTTP or HTTPS."""

from __future__ import annotations

import json
import ssl
from http.client import HTTPException, HTTPMessage
from typing import IO, Any, Final, Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from audit_webhook.client.errors import ClientError, NotFound
from audit_webhook.client.servers import Server
from audit_webhook.events.visible_text import shown

SECONDS: Final = 30.0
MOST_BYTES: Final = 256 * 1024**2
LONGEST_MESSAGE: Final = 500
PROGRAM_HEADER: Final = "Audit-Webhook-Client"
"""Says which program asks for whom the token names; whose token it is, the server knows from the token alone."""
Document = dict[str, Any]


class Source(Protocol):
    """Where answers come from: a server, or the database of this machine."""

    @property
    def url(self) -> str:
        """The address of the server's pages; empty where there is none."""

    def get(self, *path: str, **parameters: str | int | None) -> Document:
        """Return the answer of ``/api/v1/PATH``; raises ClientError, and NotFound for a 404."""


class _NoRedirect(HTTPRedirectHandler):
    """A redirect would carry the token to another address."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        return None


class Connection:
    """A server, asked with a token."""

    def __init__(self, server: Server, seconds: float = SECONDS, program: str = "") -> None:
        """Prepare; nothing is sent yet. Raises ClientError when the file of certificates cannot be read."""
        self._program: Final = program
        self.url: Final = server.url
        self._token: Final = server.token
        self._seconds: Final = seconds
        try:
            context = ssl.create_default_context(cafile=server.ca_file or None)
        except (OSError, ssl.SSLError) as error:
            raise ClientError(f"{server.ca_file} is not a readable file of PEM certificates") from error
        self._opener = build_opener(HTTPSHandler(context=context), _NoRedirect)

    def get(self, *path: str, **parameters: str | int | None) -> Document:
        """Return the answer of a path; see `Source`."""
        address = f"{self.url}/api/v1/{'/'.join(quote(part, safe='') for part in path)}"
        given = {name: value for name, value in parameters.items() if value is not None and value != ""}
        request = Request(f"{address}?{urlencode(given)}" if given else address, headers={"Accept": "application/json"})
        if self._token:
            request.add_header("Authorization", f"Bearer {self._token}")
        if self._program:
            request.add_header(PROGRAM_HEADER, self._program)
        try:
            with self._opener.open(request, timeout=self._seconds) as response:
                return read_document(response.read(MOST_BYTES + 1))
        except HTTPError as error:
            with error:
                raise explain(error.code, error.read(64 * 1024), self.url) from error
        except (URLError, OSError, HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise ClientError(f"{self.url} cannot be reached: {_reason(reason)}") from error


def _reason(reason: object) -> str:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({reason.verify_message}); name its CA with `login --ca-file FILE`"
    return shown(str(reason), longest=LONGEST_MESSAGE)


def read_document(content: bytes) -> Document:
    """Return a decoded answer; raises ClientError for one that is too large or is no JSON object."""
    if len(content) > MOST_BYTES:
        raise ClientError("the answer is too large: narrow the question")
    try:
        document = json.loads(content)
    except ValueError as error:
        raise ClientError("the answer is no JSON: is this the address of an audit webhook server?") from error
    if not isinstance(document, dict):
        raise ClientError("the answer is not what this client expects: is the server of another version?")
    return document


def explain(status: int, content: bytes, url: str) -> ClientError:
    """Return the error for an answer that is not a success, with what to do about it."""
    try:
        said = shown(str(json.loads(content).get("message", "")), longest=LONGEST_MESSAGE)
    except (ValueError, AttributeError):
        said = ""
    if 300 <= status < 400:
        return ClientError(f"{url} redirects elsewhere: log in with the address that it leads to")
    if status == 401:
        return ClientError(f"not logged in, or the token is no longer valid: run `kubectl audit login {url}`")
    if status == 404:
        return NotFound(said or "not found")
    messages = {403: "not allowed", 429: "too many requests, try again in a few seconds", 503: "unavailable"}
    return ClientError(": ".join(filter(None, (messages.get(status, f"HTTP {status}"), said))))
