"""Who may open which route: one table, asked before every view; a route that is not in it is for administrators alone.

``NEEDS`` must name every route of the application; tests/access/test_gate.py fails for one that is missing.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextvars import ContextVar
from typing import Any, Final, Literal
from urllib.parse import quote, urlsplit

from flask import Flask, Response, current_app, g, has_request_context, make_response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from audit_webhook.access.authentication import Presented, is_from_own_page, may_write
from audit_webhook.access.recorded_reader import recorded_reader
from audit_webhook.access.whole_scope import beyond_scope
from audit_webhook.context import context_of
from audit_webhook.errors import AuditWebhookError, Forbidden, Unauthenticated
from audit_webhook.storage.scope import EVERYWHERE, NOWHERE, Reader, Scope
from audit_webhook.web.errors import answer
from audit_webhook.web.redirects import own_address
from audit_webhook.web.request_address import client_address

Need = Literal["public", "sender", "viewer", "admin"]

NEEDS: Final[dict[str, Need]] = {
    "static": "public",
    "ops.get_healthz": "public",
    "ops.get_readyz": "public",
    "ops.get_metrics": "public",
    "ingest.post_batch": "sender",
    "ingest.post_records": "sender",
    "access.show_login": "public",
    "access.log_in": "public",
    "access.log_out": "viewer",
    "access.show_account": "viewer",
    "access.issue_token": "viewer",
    "access.revoke_token": "viewer",
    "access.show_readers": "admin",
    "access.revoke_session": "admin",
    "api.get_description": "viewer",
    "api.get_events": "viewer",
    "api.get_event": "viewer",
    "api.get_commands": "viewer",
    "api.export_events": "viewer",
    "api.get_facets": "viewer",
    "api.get_histogram": "viewer",
    "api.get_object": "viewer",
    "api.get_actors": "viewer",
    "api.get_actor": "viewer",
    "api.get_live": "viewer",
    "api.get_losses": "viewer",
    "api.get_needs": "viewer",
    "api.get_permissions": "viewer",
    "api.get_status": "viewer",
    "api_evidence.get_evidence": "viewer",
    "api.get_loss": "viewer",
    "losses.show_losses": "viewer",
    "quarantine.show_quarantine": "viewer",
    "quarantine.show_item": "viewer",
    "losses.show_loss": "viewer",
    "ui.show_feed": "viewer",
    "ui.show_timeline": "viewer",
    "ui.show_news": "viewer",
    "ui.complete_query": "viewer",
    "ui.show_filters": "viewer",
    "ui.narrow_feed": "viewer",
    "ui.choose_range": "viewer",
    "ui.step_event": "viewer",
    "ui.show_event": "viewer",
    "ui.download_raw": "viewer",
    "picture.show_picture": "viewer",
    "picture.show_values": "viewer",
    "clusters.show_clusters": "viewer",
    "clusters.show_cluster": "viewer",
    "evidence.show_evidence": "viewer",
    "evidence.download_proof": "viewer",
    "explore.show_object": "viewer",
    "explore.show_actors": "viewer",
    "explore.show_actor": "viewer",
    "explore.show_permissions": "viewer",
    "explore.show_needs": "viewer",
    "explore.download_needs": "viewer",
    "alerts.show_alerts": "viewer", "alerts.show_alert": "viewer", "alerts.change_alert": "viewer",
    "alerts.mute_alert": "admin", "alerts.show_mutes": "admin", "alerts.revoke_mute": "admin",
    "alerts.show_rules": "viewer", "alerts.show_coverage": "viewer", "alerts.switch_rule": "admin",
    "sinks.show_sinks": "admin", "sinks.send_test": "admin", "sinks.retry_sink": "admin",
    "sinks.retry_message": "admin", "api.get_sinks": "admin",
    "api.get_alerts": "viewer", "api.get_alert": "viewer", "api.get_rules": "viewer", "api.get_coverage": "viewer",
    "saved.save_search": "viewer", "saved.delete_search": "viewer",
    "setup.show_setup": "viewer",
    "setup.show_status": "viewer",
    "setup.download": "viewer",
    "setup.load_demo": "admin",
}
REPEATED: Final = frozenset({
    "api.get_live", "ui.show_news", "ui.complete_query", "picture.show_picture", "setup.show_status",
})
"""What a page asks again and again by itself; recorded once in a while."""
_streamed: Final[ContextVar[Scope]] = ContextVar("streamed", default=EVERYWHERE)
_ANONYMOUS: Final = frozenset({"static", "ops.get_healthz", "ops.get_readyz", "ops.get_metrics"})
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_PROGRAMS: Final = ("api.", "api_evidence.", "ops.")
SECURE_COOKIE: Final = "__Host-session"
PLAIN_COOKIE: Final = "session"
SECURE_DEVICE: Final = "__Host-device"
PLAIN_DEVICE: Final = "device"


def register(app: Flask) -> None:
    """Stand before every view of the application, and record what was read."""
    app.before_request(_let_in)
    app.after_request(_record)
    app.after_request(_keep_scope)
    app.context_processor(_share)
    app.add_template_global(may_open)


def need_of(endpoint: str) -> Need:
    """Tell what a route needs."""
    return NEEDS.get(endpoint, "admin")


def may_open(endpoint: str) -> bool:
    """Whether whoever sent this request may open another route: for links that lead somewhere."""
    need, reader = need_of(endpoint), current_reader()
    if need == "public":
        return True
    return reader is not None and need != "sender" and reader.may(need) and not beyond_scope(endpoint, reader.scope)


def current_reader() -> Reader | None:
    """Give who sent this request, None for nobody known."""
    reader: Reader | None = g.get("reader")
    return reader


def required_reader() -> Reader:
    """Give who sent this request; raises Unauthenticated."""
    reader = current_reader()
    if reader is None:
        raise Unauthenticated("log in first")
    return reader


def scope_of_request() -> Scope:
    """Give what may be seen now: in a request, what its reader may; the program's own work sees everything.

    An answer that is written while it is sent keeps the scope of its request. A thread that a view starts would not:
    give it what it needs instead of the repository.
    """
    if not has_request_context():
        return _streamed.get()
    reader = current_reader()
    return reader.scope if reader is not None else NOWHERE


def presented() -> Presented:
    """Give what the request shows of its sender."""
    config = context_of(current_app).config
    is_secure = SECURE_COOKIE in request.cookies
    is_secure_device = SECURE_DEVICE in request.cookies
    return Presented(
        peer=request.remote_addr or "",
        address=client_address(),
        device=request.cookies.get(SECURE_DEVICE if is_secure_device else PLAIN_DEVICE, ""),
        authorization=request.headers.get("Authorization", ""),
        cookie=request.cookies.get(SECURE_COOKIE if is_secure else PLAIN_COOKIE, ""),
        is_secure=is_secure,
        proxy_user=_header(config.auth_proxy_user_header),
        proxy_secret=_header(config.auth_proxy_secret_header),
    )


def _header(name: str) -> str:
    return request.headers.get(name, "") if name else ""


def _let_in() -> AnyResponse | None:
    """Find out who asks, and answer in the view's place when that is not enough."""
    need = need_of(request.endpoint) if request.endpoint else "public"
    if need == "sender":
        return None
    if need != "public" and context_of(current_app).readers.is_open:
        _refuse_strange_host()
    is_change = request.method not in _SAFE and request.endpoint is not None
    if is_change:
        _refuse_other_sites()
    reader = g.reader = _identify(is_needed=need != "public")
    if need != "public":
        if reader is None:
            return _ask_to_log_in()
        if not reader.may(need):
            raise Forbidden("Only administrators may open this.")
        if reason := beyond_scope(request.endpoint or "", reader.scope):
            raise Forbidden(reason)
    if is_change and need != "public" and reader is not None:
        _refuse_forms_of_others(reader)
    return None


def _identify(is_needed: bool) -> Reader | None:
    """Find out who asks; where everybody may, nothing that is wrong with that is an error."""
    parts = context_of(current_app)
    if not is_needed and request.endpoint in _ANONYMOUS:
        return None
    try:
        return parts.readers.identify(presented(), parts.clock())
    except AuditWebhookError:
        if is_needed:
            raise
        return None


def _refuse_strange_host() -> None:
    """Refuse other names than this machine's own: a name of an attacker's that leads here makes him same-origin."""
    if urlsplit(f"//{request.host}").hostname not in ("localhost", "127.0.0.1", "::1"):
        raise Forbidden(
            "In development everything is open, so only localhost is answered. Set ENVIRONMENT=production to be "
            "reached by other names."
        )


def _refuse_other_sites() -> None:
    """Refuse what another site's page made the browser send."""
    if not is_from_own_page(request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin", ""), request.host):
        raise Forbidden("This was not sent by a page of this server.")


def _refuse_forms_of_others(reader: Reader) -> None:
    """Refuse a change that does not carry what only this reader's own pages carry."""
    if reader.way == "token":
        raise Forbidden("An API token only reads.")
    given = request.form.get("form_token", "") or request.headers.get("X-Form-Token", "")
    if not may_write(reader, given):
        raise Forbidden("This page is out of date. Load it again.")


def _ask_to_log_in() -> AnyResponse:
    if (request.endpoint or "").startswith(_PROGRAMS):
        raise Unauthenticated("send an API token: Authorization: Bearer audit_…")
    is_script = "HX-Request" in request.headers
    is_fragment = is_script or request.headers.get("Sec-Fetch-Dest") == "empty"
    page = request.headers.get("HX-Current-URL") or request.headers.get("Referer", "")
    here = (page if is_fragment else request.full_path) if request.method in _SAFE else "/"
    address = f"{request.script_root}/login?next={quote(own_address(here), safe='')}"
    if not is_script and request.headers.get("Sec-Fetch-Dest", "document") in ("document", "iframe"):
        return redirect(address, 303)
    # A redirect would put the login page into the place of a fragment.
    response: Response = make_response("", 401)
    response.headers["HX-Redirect"] = address
    return response


def _keep_scope(response: Response) -> Response:
    """Let an answer that is written while it is sent, after the request has ended, see no more than its reader may."""
    if response.is_streamed and not response.direct_passthrough:
        response.response = _written_within(scope_of_request(), response.response)
    return response


def _written_within(scope: Scope, pieces: Iterable[Any]) -> Iterator[Any]:
    iterator = iter(pieces)
    try:
        while True:
            before = _streamed.set(scope)
            try:
                piece = next(iterator)
            except StopIteration:
                return
            finally:
                _streamed.reset(before)
            yield piece
    finally:
        if isinstance(pieces, Generator):
            pieces.close()


def _record(response: Response) -> Response:
    """Record a reading before it is answered; when that fails, there is no answer."""
    reader, endpoint = recorded_reader(current_reader()), request.endpoint or ""
    is_reading = need_of(endpoint) not in ("public", "sender") and response.status_code < 500
    if reader is None or reader.way == "open" or not is_reading:
        return response
    parts = context_of(current_app)
    note = parts.readings.note_repeated if endpoint in REPEATED else parts.readings.note
    is_search = endpoint in REPEATED and "q" in request.args
    target = f"{request.path}?q={request.args['q']}" if is_search else request.full_path.removesuffix("?")
    try:
        note(reader, client_address(), endpoint, target, response.status_code, parts.clock())
    except AuditWebhookError as error:
        return answer(error)
    return response


def _share() -> dict[str, object]:
    """Give every template who reads."""
    return {"reader": current_reader()}
