"""The one table from errors to HTTP, and the one place that answers them: JSON for programs, a page for people."""

from __future__ import annotations

import logging
from typing import Final

from flask import Flask, Response, jsonify, make_response, render_template, request
from werkzeug.exceptions import HTTPException

from audit_webhook import errors
from audit_webhook.query import QueryError

logger: Final = logging.getLogger(__name__)

STATUS: Final[dict[type[Exception], int]] = {
    errors.AuditWebhookError: 500,
    errors.ConfigError: 500,
    errors.InvalidCluster: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.TooManyTries: 429,
    errors.UnsupportedEncoding: 415,
    errors.BodyTooLarge: 413,
    errors.MalformedBatch: 400,
    errors.InvalidParameter: 400,
    errors.EventNotFound: 404,
    errors.ServerBusy: 503,
    errors.StoreUnavailable: 503,
    errors.StoreBusy: 503,
    errors.SpoolUnavailable: 503,
    errors.StoreMisconfigured: 503,
    errors.DuplicateKey: 500,
    errors.RowRefused: 500,
    QueryError: 400,
}
RETRY_AFTER_SECONDS: Final = 5
_TITLES: Final = {
    400: "That request cannot be answered",
    401: "Who is asking?",
    403: "This is not for you",
    404: "There is nothing here",
    405: "This cannot be done here",
    413: "Too large",
    415: "Compressed bodies are not taken",
    429: "Too many tries",
    500: "Something went wrong here",
    503: "Try again later",
}
_PROGRAMS: Final = ("/webhook/", "/api/", "/healthz", "/readyz", "/metrics")


def register(app: Flask) -> None:
    """Answer every error of the domain, of HTTP, and what nobody thought of."""
    app.register_error_handler(errors.AuditWebhookError, answer)
    app.register_error_handler(QueryError, answer)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(Exception, _answer_unforeseen)


def status_of(error: Exception) -> int:
    """Give the status of the nearest class in the table."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def answer(error: Exception) -> Response:
    """Answer an error of the domain."""
    status = status_of(error)
    if status >= 500:
        logger.error("%s: %s", type(error).__name__, error)
    hidden = status == 500 or (isinstance(error, errors.StoreMisconfigured | errors.StoreUnavailable))
    message = _STORE_MESSAGE if hidden and status == 503 else "" if hidden else str(error)
    response = _answer(status, message, **_place(error))
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, errors.TooManyTries):
        response.headers["Retry-After"] = str(error.seconds)
    if status == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def _place(error: Exception) -> dict[str, object]:
    """Say for programs where in a query the mistake is, and what was expected there."""
    if not isinstance(error, QueryError):
        return {}
    return {"position": error.position, "length": error.length, "expected": list(error.expected)}


_STORE_MESSAGE: Final = "the database cannot be used now; nothing was stored"


def _answer_http(error: HTTPException) -> Response:
    response = _answer(error.code or 500, error.description or "")
    for name, value in error.get_headers(request.environ):
        if name not in ("Content-Type", "Content-Length"):
            response.headers[name] = value
    return response


def _answer_unforeseen(error: Exception) -> Response:
    logger.error("unforeseen %s while answering %s", type(error).__name__, request.endpoint, exc_info=error)
    return _answer(500, "")


def _answer(status: int, message: str, **more: object) -> Response:
    title = _TITLES.get(status, "That did not work")
    if request.path.startswith(_PROGRAMS):
        return make_response(jsonify(error=title, message=message, status=status, **more), status)
    return make_response(render_template("error.html", status=status, title=title, message=message), status)
