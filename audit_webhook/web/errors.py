"""The one table from errors to HTTP, and the one place that answers them: JSON for programs, a page for people."""

from __future__ import annotations

import logging
from typing import Final

from flask import Flask, Response, current_app, jsonify, make_response, render_template, request
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
    errors.Overloaded: 429,
    errors.MalformedBatch: 400,
    errors.BodyCutOff: 400,
    errors.InvalidParameter: 400,
    errors.EventNotFound: 404,
    errors.ServerBusy: 503,
    errors.StoreUnavailable: 503,
    errors.DeadlineExceeded: 503,
    errors.StoreBusy: 503,
    errors.SpoolUnavailable: 503,
    errors.StoreMoved: 503,
    errors.StoreMisconfigured: 503,
    errors.DuplicateKey: 500,
    errors.RowRefused: 500,
    errors.IdTaken: 500,
    errors.KeyUnusable: 500,
    errors.HistoryRefused: 500,
    errors.NoProof: 404,
    QueryError: 400,
}
# With the flags of /setup, 3 to 29 seconds make a kube-apiserver try for 412 to 417 s, and 262 to 266 s without.
RETRY_AFTER_SECONDS: Final = {429: 3, 503: 5}
_TITLES: Final = {
    400: "Bad request",
    401: "Sign in required",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    413: "Too large",
    415: "Compressed bodies are not supported",
    429: "Too many requests",
    500: "Internal error",
    503: "Temporarily unavailable",
}
_PROGRAMS: Final = ("/webhook/", "/api/", "/healthz", "/readyz", "/metrics")


def register(app: Flask) -> None:
    """Answer every error of the domain, of HTTP, and what nobody thought of."""
    app.register_error_handler(errors.AuditWebhookError, answer)
    app.register_error_handler(TimeoutError, _answer_timeout)
    app.register_error_handler(QueryError, answer)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(Exception, _answer_unforeseen)


def status_of(error: Exception) -> int:
    """Give the status of the nearest class in the table."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def describe(error: Exception, is_batch: bool = False) -> tuple[int, dict[str, str], dict[str, str | int]]:
    """Return the status, the headers and the JSON document that an error of the domain is answered with.

    ``is_batch`` is whether the request was to store events: only then may the message speak of that.
    """
    status = status_of(error)
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    if status in RETRY_AFTER_SECONDS:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS[status])
    if isinstance(error, errors.TooManyTries):
        headers["Retry-After"] = str(error.seconds)
    message = {500: "", 503: _describe_outage(error, is_batch)}.get(status, str(error))
    return status, headers, {"error": _title(status), "message": message, "status": status}


def answer(error: Exception) -> Response:
    """Answer an error of the domain."""
    status, headers, document = describe(error, request.blueprint == "ingest")
    if status == 500:  # without the text, which may quote what an event held
        logger.error("%s while answering %s", type(error).__name__, request.endpoint)
    response = _answer(status, str(document["message"]), **_place(error))
    response.headers.update(headers)
    return response


def _answer_timeout(error: TimeoutError) -> Response:
    """Answer what ran out of time outside the database."""
    return answer(errors.DeadlineExceeded(str(error)))


def _place(error: Exception) -> dict[str, object]:
    """Say for programs where in a query the mistake is, and what was expected there."""
    if not isinstance(error, QueryError):
        return {}
    return {"position": error.position, "length": error.length, "expected": list(error.expected)}


def _describe_outage(error: Exception, is_batch: bool) -> str:
    """Return what is true for the request: a commit whose answer was lost may have happened, a read stores nothing."""
    if isinstance(error, errors.ServerBusy):
        return str(error)
    if is_batch:
        return "The batch was not acknowledged. Send it again."
    if isinstance(error, errors.DeadlineExceeded):
        return "This took too long and was stopped. Narrow the search or the range of time, or try again later."
    return "The database is unavailable. Try again later."


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
    title = _title(status)
    if request.path.startswith(_PROGRAMS) or "ui" not in current_app.blueprints:
        return make_response(jsonify(error=title, message=message, status=status, **more), status)
    return make_response(render_template("error.html", status=status, title=title, message=message), status)


def _title(status: int) -> str:
    return _TITLES.get(status, "Error")
