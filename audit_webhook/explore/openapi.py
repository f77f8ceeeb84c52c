"""Describes the JSON interface in OpenAPI (spec.openapis.org/oas/v3.1.0); tests hold the server to it."""

from __future__ import annotations

from audit_webhook import __version__
from audit_webhook.explore import openapi_access as access
from audit_webhook.explore import openapi_alerts as alerts
from audit_webhook.explore import openapi_schemas as schemas


def describe(base: str = "") -> dict[str, object]:
    """Give the document; ``base`` is the path below which the server is reached."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Audit webhook", "version": __version__, "license": {"name": "Apache-2.0"}},
        "servers": [{"url": f"{base}/api/v1"}],
        "paths": {
            "/events": {"get": _operation(
                "listEvents", "A page of matching events, newest first.", schemas.LIST, schemas.PAGE
            )},
            "/events/{id}": {"get": _operation(
                "getEvent", "One event with its original JSON.", schemas.ONE, schemas.WITH_RAW, 404
            )},
            "/commands": {"get": _operation(
                "listCommands",
                "A page of the commands behind matching events, newest first.", schemas.FOLD, schemas.COMMANDS
            )},
            "/export": {"get": _operation(
                "exportEvents", "All matching events as a file.", schemas.EXPORT, schemas.FILES
            )},
            "/histogram": {"get": _operation(
                "getHistogram", "How many matching events when.", schemas.BY, schemas.HISTOGRAM
            )},
            "/facets": {"get": _operation(
                "getFacets", "Which values matching events have.", [schemas.Q], schemas.FACETS
            )},
            "/objects/{cluster}/{group}/{resource}/{namespace}/{name}": {"get": _operation(
                "getObject",
                "An object's life: its changes, newest first, and its manifest.", schemas.PLACE, schemas.LIFE
            )},
            "/actors/{cluster}": {"get": _operation(
                "listActors", "Who was seen in a cluster.", [schemas.CLUSTER], schemas.ACTORS
            )},
            "/actors/{cluster}/{name}": {"get": _operation(
                "getActor",
                "What is known of an actor: when, from where, as whom.", [schemas.CLUSTER, schemas.NAME], schemas.ACTOR
            )},
            **_about_readers(),
            **_about_alerts(),
            "/losses": {"get": _operation(
                "listLosses",
                "What was lost or may have been, newest first, and who sends.", schemas.LOST, schemas.LOSSES
            )},
            "/losses/{id}": {"get": _operation(
                "getLoss",
                "A loss with the events that a kube-apiserver's log names.", schemas.ONE_LOSS, schemas.NAMED_LOSS, 404
            )},
        },
        "components": {"schemas": {
            "Event": schemas.record(schemas.EVENT),
            "Command": schemas.record(schemas.COMMAND),
            "Error": schemas.record(schemas.MISTAKE, "error", "message", "status"),
        }},
    }


def _about_readers() -> dict[str, object]:
    """Return the paths of what a client asks about itself, arriving events, permissions and evidence."""
    return {
        "/status": {"get": _operation(
            "getStatus", "Who asks, what they may see, and which clusters were heard from.", [], access.STATUS
        )},
        "/live": {"get": _operation(
            "getLive", "Matching events that arrived since the answer before.", access.AFTER, access.NEWS
        )},
        "/permissions/{cluster}": {"get": _operation(
            "listPermissions",
            "Which bindings were used, and by whom.", [schemas.CLUSTER, access.SINCE], access.BINDINGS
        )},
        "/permissions/{cluster}/{name}": {"get": _operation(
            "getNeeds",
            "The least that an actor needs, as YAML.",
            [schemas.CLUSTER, schemas.NAME, access.SINCE, access.APART], access.NEEDS,
        )},
        "/evidence": {"get": _operation(
            "getEvidence", "How far what is stored is signed.", [], access.EVIDENCE
        )},
    }


def _about_alerts() -> dict[str, object]:
    """Return the paths of alerts and rules."""
    return {
        "/alerts": {"get": _operation("listAlerts", "What rules found, newest first.", alerts.LIST, alerts.ALERTS)},
        "/alerts/{id}": {"get": _operation(
            "getAlert", "One alert with its events and what was done about it.", alerts.ONE, alerts.ALERT, 404
        )},
        "/rules": {"get": _operation("listRules", "The rules, and what they found in 30 days.", [], alerts.RULES)},
        "/rules/coverage": {"get": _operation(
            "getCoverage", "Which rules can fire on each cluster, from what was recorded.", [], alerts.COVERAGE
        )},
        "/sinks": {"get": _operation("listSinks", "Who is told of alerts; administrators.", [], alerts.SINKS)},
    }


def _operation(
    name: str, summary: str, parameters: list[schemas.Schema], content: dict[str, object], *errors: int
) -> dict[str, object]:
    mistake = schemas.json({"$ref": "#/components/schemas/Error"})
    reasons = {400: "A parameter cannot be used.", 404: "There is no such event.", 503: "Try again later."}
    answers = {str(code): {"description": reasons[code], "content": mistake} for code in (400, *errors, 503)}
    return {
        "operationId": name,
        "summary": summary,
        "parameters": parameters,
        "responses": {"200": {"description": summary, "content": content}, **answers},
    }
