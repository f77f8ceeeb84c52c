"""How pages leave: whole or as a fragment, compressed, and with addresses of static files that change with them."""

from __future__ import annotations

import gzip
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Final

from flask import Response, current_app, make_response, render_template, request, url_for

COMPRESSED: Final = ("text/html", "text/css", "text/javascript", "application/javascript", "image/svg+xml")
PAGES: Final = (None, "ui", "explore", "picture", "clusters", "losses", "quarantine", "saved", "alerts", "sinks")
SMALLEST: Final = 1024


def static_url(name: str) -> str:
    """Give a static file's address with a hash of its content, so that browsers may keep it for good."""
    path = Path(current_app.static_folder or "", name)
    return url_for("static", filename=name, v=_content_hash(path, path.stat().st_mtime_ns))


@lru_cache(maxsize=256)
def _content_hash(path: Path, changed: int) -> str:
    """Hash a file once for each time that it changed."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def wants_fragment() -> bool:
    """Whether a script asks for a part of the page; a browser that restores history needs all of it."""
    return "HX-Request" in request.headers and "HX-History-Restore-Request" not in request.headers


def page_or_fragment(whole: str, fragment: str, page: object, status: int = 200, **more: object) -> Response:
    """Render the whole page, or only its fragment when a script asked."""
    response = make_response(render_template(fragment if wants_fragment() else whole, page=page, **more), status)
    response.vary.update(("HX-Request", "HX-History-Restore-Request"))
    return response


def compress(response: Response) -> Response:
    """Compress pages, styles and scripts for browsers that take it; never what programs fetch."""
    if request.blueprint not in PAGES or response.mimetype not in COMPRESSED:
        return response
    response.vary.add("Accept-Encoding")
    if response.status_code != 200 or not request.accept_encodings["gzip"] or "Content-Encoding" in response.headers:
        return response
    response.direct_passthrough = False
    body = response.get_data()
    if len(body) < SMALLEST:
        return response
    response.set_data(gzip.compress(body, 6, mtime=0))
    response.headers["Content-Encoding"] = "gzip"
    tag, _ = response.get_etag()
    if tag:
        response.set_etag(tag, weak=True)
    return response
