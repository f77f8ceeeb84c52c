"""A card: one command with the requests that it sent, how sure it is, and why."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from audit_webhook.events.event import Event
from audit_webhook.events.identities import ORIGINAL_USER, proxy_name
from audit_webhook.humanize import Phrase
from audit_webhook.humanize.actors import name_proxy
from audit_webhook.humanize.failures import may_not_impersonate
from audit_webhook.humanize.objects import is_namespace
from audit_webhook.kubectl import families
from audit_webhook.kubectl.deeds import phrase_for
from audit_webhook.kubectl.doubts import doubts
from audit_webhook.kubectl.equivalents import equivalent
from audit_webhook.kubectl.line import Confidence, Line
from audit_webhook.kubectl.manifests import manifest
from audit_webhook.kubectl.raw import tell_discovery, tell_raw
from audit_webhook.kubectl.registry import explainers_of
from audit_webhook.kubectl.request import Request
from audit_webhook.kubectl.run import Run
from audit_webhook.kubectl.words import Unsayable, is_plain, join

NO_FORM: Final = "no kubectl form"
_VALIDATIONS: Final = {"Warn": "warn", "Ignore": "false"}
_REFUSED_USER: Final = re.compile(r'users "(?P<name>[^"\\]{1,250})" is forbidden: ')
_AUTHENTICATED: Final = "system:authenticated"
_ACCOUNTS: Final = "system:serviceaccounts"

assert families.LOADED  # importing them is what registers their commands


@dataclass(frozen=True, slots=True)
class Card:
    """A command and its requests; without a command, ``unknown`` says why there is none."""

    command: str | None
    confidence: Confidence | None
    main: Event
    events: tuple[Event, ...]
    start: int
    end: int
    audit_ids: tuple[str, ...]
    evidence: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    sent: tuple[Request, ...] = ()
    run: Run | None = None

    @property
    def phrase(self) -> Phrase | None:
        """What was done, as far as bodies tell more of it than the telling event."""
        return phrase_for(self.run, self.command or "") if self.run else None

    def with_doubt(self, why: str) -> Card:
        """Return the card as it is when something else may be true of it: likely at most."""
        confidence: Confidence | None = "likely" if self.confidence == "exact" else self.confidence
        return replace(self, confidence=confidence, unknown=tuple(dict.fromkeys((*self.unknown, why))))

    def by_request(self) -> list[Card]:
        """Return a card for each request by itself, with the command that all of them are of."""
        requests = self.run.requests if self.run else []
        return [
            replace(self, main=each.event, events=tuple(each.events), audit_ids=(each.audit_id,), run=None,
                    start=each.start, end=each.end)
            for each in requests
        ]

    @property
    def stdin(self) -> str:
        """What the command read from its standard input, for a here-document; empty when there is nothing known."""
        return manifest(self.sent)


def tell(run: Run) -> Card:
    """Tell which command sent the requests of a run."""
    line = _line_of(run)
    events, audit_ids = _events_of(run)
    if line is None:
        return Card(None, None, run.main.event, events, run.start, run.end, audit_ids, unknown=(NO_FORM,), run=run)
    for doubt in doubts(run):
        line.guess(doubt)
    words = line.words
    command = join(words)
    is_usual = command.isascii() and command.isprintable() and ("\\" not in command or "\\u" not in command.lower())
    if not is_usual and not is_plain(words):
        line.guess("characters that would act on a terminal are written out")
    if any(event.cut for event in events):
        line.guess("some values are too long and were cut")
    return Card(
        command, _confidence(line, run), run.main.event, events, run.start, run.end, audit_ids,
        (*line.evidence, *_common_evidence(run)), tuple(filter(None, line.unknown)), tuple(line.sent), run,
    )


def _events_of(run: Run) -> tuple[tuple[Event, ...], tuple[str, ...]]:
    if len(run.requests) == 1:
        request = run.requests[0]
        return tuple(request.events), (request.audit_id,)
    events = tuple(event for request in run.requests for event in request.events)
    return events, tuple(dict.fromkeys(request.audit_id for request in run.requests))


def _line_of(run: Run) -> Line | None:
    for explainer in (_specific, equivalent):
        try:
            line = explainer(run)
            if line is not None:
                _add_common(line, run)
                return line
        except Unsayable:
            continue
    return None


def _specific(run: Run) -> Line | None:
    """Ask each function that knows the telling request's marks; for the dispatcher alone there is none."""
    if not run.deeds and not run.reads:
        return tell_discovery(run)
    event = run.main.event
    if not event.resource:
        return tell_raw(run)
    for explainer in explainers_of(event.manager, event.verb, event.resource, event.subresource):
        line = explainer(run)
        if line is not None:
            return line
    return None


def _confidence(line: Line, run: Run) -> Confidence:
    if not run.is_kubectl:
        return "equivalent"
    return "exact" if line.is_sure else "likely"


def _add_common(line: Line, run: Run) -> None:
    """Add the flags that every command takes."""
    first = run.main
    if line.common:
        _add_namespace(line, first)
        if any(request.event.dry_run for request in run.deeds) and line.verb != ("diff",):
            line.flag("dry-run", "server").because("dryRun=All: nothing was changed")
        if first.manager and first.manager not in line.standard_managers and first.role == "write":
            line.flag("field-manager", first.manager)
        validation = first.parameter("fieldValidation")
        if validation in _VALIDATIONS:
            line.flag("validate", _VALIDATIONS[validation])
        if first.role == "read" and first.event.verb != "watch" and "timeout" in first.parameters:
            line.flag("request-timeout", first.parameter("timeout"))
    _add_impersonation(line, first)


def _add_namespace(line: Line, request: Request) -> None:
    event = request.event
    if not line.has_namespace or is_namespace(event) or not event.namespace or "-A" in line.flags:
        return
    if event.namespace.startswith("-"):
        line.flag("namespace", event.namespace)
    else:
        line.short("-n", event.namespace)


def _add_impersonation(line: Line, request: Request) -> None:
    """Add ``--as`` and its kind; groups that Kubernetes adds by itself are left out (apiserver impersonation.go).

    Whom a proxy acts for is no part of what they typed.
    """
    assumed, event = request.recorded.impersonated_user, request.event
    if event.effective_user != event.user and event.proxy and not event.borrowed_user:
        line.because(f"{name_proxy(event.proxy)} acted for {event.actor}")
        if proxy_name(event.proxy) is None and event.client == "kubectl":
            line.lacks("whether --as was typed: the authenticated user is a program")
        return
    if event.code == 403 and may_not_impersonate(event):
        line.flag("as", _refused_user(event.status_message))
        line.guess("whom --as named: acting as somebody else was refused before it was recorded")
    if assumed is None or not assumed.username:
        return
    line.flag("as", assumed.username).because("impersonatedUser")
    for group in assumed.groups or ():
        own = assumed.username.startswith("system:serviceaccount:") and group.startswith(_ACCOUNTS)
        if group != _AUTHENTICATED and not own:
            line.flag("as-group", group)
    line.flag_if("as-uid", assumed.uid)
    for key, values in (assumed.extra or {}).items():
        for value in values if key != ORIGINAL_USER else ():
            line.flag("as-user-extra", f"{key}={value}")


def _refused_user(message: str) -> str:
    """Return the user that could not be impersonated, as the apiserver's refusal names them; else a placeholder."""
    found = _REFUSED_USER.match(message)
    return found["name"] if found else "<user>"


def _common_evidence(run: Run) -> list[str]:
    first = run.main
    facts = [f"fieldManager={first.manager}"] if first.manager else []
    if first.event.user_agent:
        facts.append(f"user agent {first.event.client}")
    if len(run.requests) > 1:
        facts.append(f"{len(run.requests)} requests that belong together")
    return facts
