"""Logging in and out, the account with its API tokens, and what administrators see of the readers."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from audit_webhook.access import access_log as readings
from audit_webhook.access.authentication import FIRST_USER, SESSION_LENGTH, TOKEN_DAYS
from audit_webhook.access.gate import (
    PLAIN_COOKIE, PLAIN_DEVICE, SECURE_COOKIE, SECURE_DEVICE, current_reader, presented, required_reader,
)
from audit_webhook.context import context_of
from audit_webhook.errors import Forbidden, StoreMisconfigured, StoreUnavailable, TooManyTries, Unauthenticated
from audit_webhook.web.errors import status_of
from audit_webhook.web.redirects import own_address

bp = Blueprint("access", __name__)

DEVICE_SECONDS: Final = 180 * 86_400
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_PASSED_ON: Final = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP")


@bp.get("/login")
def show_login() -> AnyResponse:
    """Show the form, or go on when there is nothing to log in for."""
    if current_reader() is not None:
        return redirect(request.script_root + own_address(request.args.get("next", "/")), 303)
    return _login_page(200, "", "")


@bp.post("/login")
def log_in() -> AnyResponse:
    """Begin a session; a new cookie each time, so that one that was planted before is worth nothing."""
    parts = context_of(current_app)
    name, password = request.form.get("name", ""), request.form.get("password", "")
    is_secure = request.headers.get("Origin", "").startswith("https://") or request.is_secure
    shown = presented()._replace(is_secure=is_secure)
    try:
        _refuse_readable_transport(is_secure)
        cookie = parts.readers.log_in(name, password, shown, parts.clock())
    except (StoreUnavailable, StoreMisconfigured) as error:
        return _login_page(status_of(error), name, _describe_outage())
    except (Forbidden, TooManyTries, Unauthenticated) as error:
        answer = _login_page(status_of(error), name, str(error))
        if isinstance(error, TooManyTries):
            answer.headers["Retry-After"] = str(error.seconds)
        return answer
    response = redirect(request.script_root + own_address(request.form.get("next", "/")), 303)
    response.set_cookie(
        SECURE_COOKIE if is_secure else PLAIN_COOKIE, cookie, max_age=SESSION_LENGTH // 1_000_000, path="/",
        secure=is_secure, httponly=True, samesite="Lax",
    )
    response.set_cookie(
        SECURE_DEVICE if is_secure else PLAIN_DEVICE, parts.readers.limits.issue_device(name), max_age=DEVICE_SECONDS,
        path="/", secure=is_secure, httponly=True, samesite="Lax",
    )
    return response


@bp.post("/logout")
def log_out() -> AnyResponse:
    """End the session, here and in the browser."""
    context_of(current_app).readers.log_out(presented().cookie)
    response = redirect(f"{request.script_root}/login", 303)
    for name in (SECURE_COOKIE, PLAIN_COOKIE):
        response.delete_cookie(name, path="/", secure=name == SECURE_COOKIE, httponly=True, samesite="Lax")
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


@bp.get("/account")
def show_account() -> str:
    """Show who one is, what one may see, and one's tokens."""
    return _account_page("")


@bp.post("/account/tokens")
def issue_token() -> str:
    """Make an API token and show it, this once."""
    parts = context_of(current_app)
    days = request.form.get("days", "")
    text = parts.readers.issue_token(
        required_reader(), request.form.get("label", ""), int(days) if days.isdecimal() else 0, parts.clock()
    )
    return _account_page(text)


@bp.post("/account/tokens/revoke")
def revoke_token() -> AnyResponse:
    """Make a token void, and go back to where the button was."""
    context_of(current_app).readers.revoke_token(required_reader(), request.form.get("id", ""))
    back = "/readers" if request.form.get("back") == "readers" else "/account"
    return redirect(request.script_root + back, 303)


@bp.get("/readers")
def show_readers() -> str:
    """Show users, sessions, tokens, and what was read."""
    parts = context_of(current_app)
    name = request.args.get("name", "")
    return render_template(
        "access/readers.html",
        name=name,
        users=sorted(parts.readers.users.users().values()),
        sessions=parts.readers.store.sessions(),
        tokens=parts.readers.tokens_for(required_reader()),
        page=readings.page(parts.readers.store, name, request.args.get("cursor", "")),
    )


@bp.post("/readers/sessions/revoke")
def revoke_session() -> AnyResponse:
    """End somebody's session."""
    context_of(current_app).readers.revoke_session(request.form.get("id", ""))
    return redirect(f"{request.script_root}/readers", 303)


def _describe_outage() -> str:
    """Return why nobody can log in while the database is away, and what becomes of events meanwhile if it is known."""
    durable = context_of(current_app).durable
    receives = durable.spool_state() is not None and durable.is_ready()
    kept = " Events are still received: they wait in the spool." if receives else ""
    return f"The database is unavailable, so nobody can log in now.{kept} Try again later."


def _login_page(status: int, name: str, problem: str) -> Response:
    has_a_way_in = context_of(current_app).readers.has_a_way_in()
    address = own_address(request.values.get("next", "/"))
    return make_response(
        render_template(
            "access/login.html", name=name, problem=problem, next=address, has_ended=bool(presented().cookie),
            first_user="" if has_a_way_in else FIRST_USER,
        ),
        status,
    )


def _account_page(fresh: str) -> str:
    reader = required_reader()
    own = [token for token in context_of(current_app).readers.tokens_for(reader) if token.username == reader.name]
    return render_template("access/account.html", tokens=own, fresh=fresh, days=TOKEN_DAYS)


def _refuse_readable_transport(is_secure: bool) -> None:
    """Refuse a password that came over plain http through a network, except in development.

    A proxy may set any Host: only what comes from this machine, and of which nothing says that it was passed on, counts
    as sent by a browser on this machine.
    """
    if is_secure or context_of(current_app).config.is_development or _is_from_this_machine():
        return
    raise Forbidden("Passwords are taken over https only: put TLS in front of this server.")


def _is_from_this_machine() -> bool:
    origin = request.headers.get("Origin")
    hosts = [request.host, *([origin.partition("://")[2]] if origin else [])]
    return (
        request.remote_addr in _LOOPBACK
        and all(_host_of(host) in _LOOPBACK for host in hosts)
        and not any(name in request.headers for name in _PASSED_ON)
    )


def _host_of(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
