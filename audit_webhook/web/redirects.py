"""Addresses that come from outside and lead back into this application."""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote, urlsplit

from flask import current_app, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

START: Final = "/"


def own_address(text: str) -> str:
    """Return the path and query of an address if a page of this application has it, else the start page's.

    Browsers drop blanks and control characters and read a backslash as a slash before they look for a host
    (https://url.spec.whatwg.org/#concept-basic-url-parser), so everything but visible ASCII is taken out first. What is
    left must match a route that answers GET: no other host can be written that way, in whatever encoding.
    """
    clean = "".join(character for character in text if "!" <= character <= "~")
    try:
        parts = urlsplit(clean)
    except ValueError:
        return START
    if "\\" in clean or parts.scheme not in ("", "http", "https") or parts.netloc not in ("", request.host):
        return START
    path = parts.path.removeprefix(request.script_root) if request.script_root else parts.path
    if path[:1] != "/" or not _is_page(unquote(path)):
        return START
    return f"{path}?{parts.query}" if parts.query else path


def _is_page(path: str) -> bool:
    """Whether a route other than the login answers a GET of this path, as it is once it is decoded."""
    if path[1:2] in ("/", "\\"):
        return False
    try:
        endpoint, _ = current_app.url_map.bind(request.host).match(path, method="GET")
    except (HTTPException, RequestRedirect):
        return False
    return bool(endpoint != "access.show_login")
