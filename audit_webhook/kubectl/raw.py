"""Requests that kubectl sends as they are: ``get``, ``create``, ``replace``, ``delete`` with ``--raw``; discovery."""

from __future__ import annotations

import re
from typing import Final

from audit_webhook.humanize.subresources import is_interactive
from audit_webhook.kubectl.line import Line
from audit_webhook.kubectl.registry import command
from audit_webhook.kubectl.run import Run

_VERBS: Final = {
    "get": "get", "list": "get", "create": "create", "post": "create", "update": "replace", "put": "replace",
    "delete": "delete", "deletecollection": "delete",
}
_SENDING: Final = frozenset({"create", "replace"})
_PATH: Final = re.compile(r"/[\x21-\x7e]*")


def tell_raw(run: Run) -> Line | None:
    """Tell a request by its path; None for a method that kubectl has no raw form of."""
    request = run.main
    verb = _VERBS.get(request.event.verb)
    if verb is None or is_interactive(request.event) or not _PATH.fullmatch(request.uri):
        return None
    line = Line(verb).flag("raw", request.uri).because(f"the path {request.path} as it was asked for")
    line.common = False
    if request.role == "write":
        line.guess("whether a program that calls itself kubectl sent it")
    if verb in _SENDING:
        line.short("-f").short("-")
        line.sent = [request]
    return line


def tell_discovery(run: Run) -> Line | None:
    """Tell a run that asked for nothing but what there is: the version, the APIs, their schema."""
    own = [request for request in run.preludes if not request.is_dispatcher]
    paths = {request.path for request in own}
    if not own:
        return None
    if paths == {"/version"}:
        if "timeout" not in own[0].parameters:
            return tell_raw(Run(own[0]))
        return _plain(Line("version").because("/version and nothing else").lacks("--client and -o"))
    if len(own) == 1 and not own[0].parameters:
        return tell_raw(Run(own[0]))
    if any(path.startswith("/openapi/") for path in paths):
        line = Line("explain").add("<type>").because("the API's schema and nothing else")
        return _plain(line.guess("which type was explained, or which other command stopped here"))
    if {"/api", "/apis"} & paths and all("timeout" not in request.parameters for request in own):
        line = Line("top", "nodes").because("the APIs without a timeout, as top asks for them")
        return _plain(line.guess("whether nodes or pods: there are no metrics here"))
    if {"/api", "/apis"} & paths:
        line = Line("api-resources").because("the list of APIs and nothing else")
        return _plain(line.guess("whether api-versions was run, or another command stopped here"))
    return None


def _plain(line: Line) -> Line:
    line.has_namespace = False
    return line


@command("get", "create", "update", "delete", "list", "post", "put", subresource="proxy")
def proxied(run: Run) -> Line | None:
    """Tell a request that the apiserver passed on to a pod, a service or a node."""
    return tell_raw(run)
