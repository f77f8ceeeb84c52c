"""The first minute over HTTP: the files for a kube-apiserver, whether it has been heard from, and sample events."""

from __future__ import annotations

from flask import Blueprint, Response, abort, current_app, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from audit_webhook.context import context_of
from audit_webhook.errors import InvalidParameter
from audit_webhook.explore.losses import losses
from audit_webhook.explore.setup import address as setup_address
from audit_webhook.explore.setup import files as setup
from audit_webhook.explore.setup import demo
from audit_webhook.explore.setup.policy import TIERS
from audit_webhook.ingest.rejections import count_refused
from audit_webhook.web.request_address import is_behind_proxy, page_url

bp = Blueprint("setup", __name__)


@bp.get("/setup")
def show_setup() -> tuple[str, int]:
    """Show the form and, when it is usable, the three files with the state of the connection."""
    form = setup.read_form(request.args, _senders_url())
    if not form.is_usable():
        return render_template("setup/page.html", form=form, tiers=TIERS), 400
    token = _token()
    return render_template(
        "setup/page.html",
        form=form,
        tiers=TIERS,
        files=setup.write_files(form, token),
        test_command=setup.write_test_command(form, token, context_of(current_app).clock()),
        warnings=_list_warnings(form),
        token_state="none" if not token else "hidden" if token == setup.TOKEN_PLACEHOLDER else "shown",
        token_place=_token_place(form.cluster),
        status=_status(form.cluster),
        senders=_senders(form.cluster),
    ), 200


@bp.get("/setup/status")
def show_status() -> str:
    """Show whether a cluster has been heard from: the part of the page that is asked for again and again."""
    form = _checked_form("cluster")
    return render_template(
        "setup/_status.html", form=form, status=_status(form.cluster), senders=_senders(form.cluster)
    )


@bp.get("/setup/<name>")
def download(name: str) -> Response:
    """Give one of the files as an attachment."""
    form = _checked_form("cluster", "address", "transport", "tier")
    text = next((file.text for file in setup.write_files(form, _token()) if file.name == name), None)
    if text is None:
        abort(404)
    response = Response(text, mimetype="application/yaml")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.post("/demo")
def load_demo() -> AnyResponse:
    """Load the sample events and go to the feed; in development only."""
    parts = context_of(current_app)
    if not parts.config.offers_samples:
        abort(404)
    demo.load(parts.repository, parts.clock())
    return redirect(f"{request.script_root}/", 303)


def _checked_form(*needed: str) -> setup.Form:
    form = setup.read_form(request.args, _senders_url())
    problems = [f"{name}: {form.problems[name]}" for name in needed if name in form.problems]
    if problems:
        raise InvalidParameter(" ".join(problems))
    return form


def _senders_url() -> str:
    """Return the address at which kube-apiservers reach this server, as far as it is known."""
    config = context_of(current_app).config
    if config.public_url:
        return config.public_url
    if config.ui_port and not is_behind_proxy():
        return setup_address.with_port(page_url(), config.http_port)
    return page_url()


def _list_warnings(form: setup.Form) -> list[str]:
    """Say what will not work although the form is well filled."""
    config = context_of(current_app).config
    if config.public_url:
        return setup.list_warnings(form, "")
    if is_behind_proxy():
        return [*setup.list_warnings(form, ""), setup_address.UNKNOWN_PORT]
    return setup.list_warnings(form, config.http_host)


def _token() -> str:
    """Give the token to write into the files; in production its placeholder, whoever asks."""
    config = context_of(current_app).config
    return config.webhook_token if config.is_development else setup.TOKEN_PLACEHOLDER


def _token_place(cluster: str) -> str:
    """Say where the token of a cluster stands on this server."""
    config = context_of(current_app).config
    places = ["WEBHOOK_TOKEN"] if config.webhook_token else []
    if config.webhook_tokens_dir:
        places.insert(0, f"a line of the file {config.webhook_tokens_dir.rstrip('/')}/{cluster}")
    return " or ".join(places)


def _senders(cluster: str) -> losses.ClusterLosses | None:
    """Return the senders of a cluster; None for readers who may not see whole clusters."""
    parts = context_of(current_app)
    scope = parts.repository.scope()
    if losses.needs_whole_cluster(scope) or not scope.has_cluster(cluster):
        return None
    parts.senders.write_now()
    return losses.view_cluster(parts.losses, parts.sender_store, parts.config, cluster, parts.clock())


def _status(cluster: str) -> setup.Status:
    parts = context_of(current_app)
    parts.refusals.flush()
    now, repository = parts.clock(), parts.repository
    counted = count_refused(repository, setup.REFUSED_DAYS, now)
    return setup.tell_status(cluster, repository.contacts(), repository.refusals.last_refusals(), now, counted)
