"""What an operator named is masked in every shape of request and answer, before anything is stored or spooled."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from flask import Flask

from audit_webhook.app import create_app
from audit_webhook.config import Config
from audit_webhook.context import context_of, now
from audit_webhook.errors import ConfigError
from audit_webhook.events.redaction.body_masker import DEEPEST
from audit_webhook.events.redaction.redact import redact_paths
from audit_webhook.events.redaction.rules import MOST_RULES, RuleBook, parse_rules
from audit_webhook.events.redaction.settings import BUILT_IN, Redaction, make_redaction
from audit_webhook.ingest.durable import DurableStore
from audit_webhook.ingest.import_log import LogImport, Watcher
from audit_webhook.ingest.read_events import identify
from audit_webhook.storage.health_probe import HealthProbe
from audit_webhook.storage.repository import Repository
from audit_webhook.storage.search_sql import EVERYTHING, LAST
from audit_webhook.storage.spool.spool import Spool
from tests.factories import audit_event, encode, event_list

DATA: Final = Path(__file__).parents[1] / "data"
MARKER: Final = "hunter2-hunter2"
KEY: Final = "k" * 32
RULES: Final = """\
# what our teams keep where they should not
configmaps                       /data/*
databases.shop.example.com       /spec/credentials/password
pods                             /spec/containers/0/env/*/value

*  /**/apiKey
widgets/status   /status/example.com~1token
"""
CONFIG_MAP: Final = {"kind": "ConfigMap", "metadata": {"name": "db"}, "data": {"dsn": MARKER}}
DATABASE: Final = {"kind": "Database", "spec": {"size": 3, "credentials": {"user": "shop", "password": MARKER}}}
POD: Final = {"kind": "Pod", "spec": {"containers": [{"name": "web", "env": [{"name": "DSN", "value": MARKER}]}]}}
APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
REFUSED: Final = {
    "kind": "Status", "code": 422, "message": f'Database "db" is invalid: spec.size: Invalid value: "{MARKER}"',
    "details": {"causes": [{"message": f'Invalid value: "{MARKER}": no size', "field": "spec.size"}]},
}


def operation(path: str, value: Any, op: str = "add") -> list[dict[str, Any]]:
    """Give a JSON Patch of one operation."""
    return [{"op": op, "path": path, "value": value}]


SHAPES: Final[dict[str, tuple[str, str, Any]]] = {
    "object sent": ("configmaps", "requestObject", CONFIG_MAP),
    "object answered": ("configmaps", "responseObject", CONFIG_MAP),
    "list answered": ("configmaps", "responseObject", {"kind": "ConfigMapList", "items": [CONFIG_MAP, CONFIG_MAP]}),
    "table answered": ("configmaps", "responseObject", {"rows": [{"cells": [], "object": CONFIG_MAP}]}),
    "merge patch": ("configmaps", "requestObject", {"data": {"dsn": MARKER}}),
    "name in another case": ("configmaps", "requestObject", {"Data": {"dsn": MARKER}}),
    "value that is an object": ("configmaps", "requestObject", {"data": {"dsn": {"a": [MARKER]}}}),
    "copy in an annotation": (
        "configmaps", "responseObject", {"metadata": {"annotations": {APPLIED: json.dumps(CONFIG_MAP)}}},
    ),
    "copies in a list": (
        "configmaps", "responseObject", {"items": [{"metadata": {"annotations": {APPLIED: json.dumps(CONFIG_MAP)}}}]},
    ),
    "copy that cannot be read": (
        "configmaps", "requestObject", {"metadata": {"annotations": {APPLIED: f"H4sI{MARKER}"}}},
    ),
    "operation on the value": ("configmaps", "requestObject", operation("/data/dsn", MARKER)),
    "operation below the value": ("configmaps", "requestObject", operation("/data/dsn/deep", MARKER)),
    "operation on its parent": ("configmaps", "requestObject", operation("/data", {"dsn": MARKER}, "replace")),
    "operation on everything": ("configmaps", "requestObject", operation("", CONFIG_MAP, "replace")),
    "operation without a path": ("configmaps", "requestObject", [{"op": "add", "value": MARKER}]),
    "operation on a copy": (
        "configmaps", "requestObject",
        operation(f"/metadata/annotations/{APPLIED.replace('/', '~1')}", json.dumps(CONFIG_MAP)),
    ),
    "operation that is none": ("configmaps", "requestObject", [MARKER]),
    "custom resource": ("databases", "requestObject", DATABASE),
    "element of a list": ("pods", "requestObject", POD),
    "operation on an element": ("pods", "requestObject", operation("/spec/containers/7/env/-", {"value": MARKER})),
    "any depth": ("nodes", "requestObject", {"a": [{"b": {"apiKey": MARKER}}], "apikey": MARKER}),
    "name with a slash": ("widgets", "requestObject", {"status": {"example.com/token": MARKER}}),
    "answer that quotes": ("databases", "responseObject", REFUSED),
    "status that quotes": ("databases", "responseStatus", REFUSED),
    "patch of an admission webhook": (
        "configmaps", "annotations", {"patch.webhook.admission.k8s.io/round_0_index_0": json.dumps([MARKER])},
    ),
}


def book() -> RuleBook:
    return RuleBook(parse_rules(RULES))


def paths_of(resource: str) -> Any:
    groups = {"databases": "shop.example.com"}
    return book().paths_of(resource, groups.get(resource, ""), "status" if resource == "widgets" else "")


def event_about(resource: str, member: str, body: Any) -> bytes:
    """Make an event of RequestResponse level about an object that is named db."""
    group = {"databases": "shop.example.com"}.get(resource, "")
    reference = {"resource": resource, "apiGroup": group, "namespace": "shop", "name": "db", "apiVersion": "v1"}
    return encode(audit_event(level="RequestResponse", verb="patch", objectRef=reference, **{member: body}))


@pytest.mark.parametrize("shape", SHAPES)
def test_named_value_is_masked_in_every_shape(shape: str) -> None:
    resource, member, body = SHAPES[shape]
    clean = redact_paths(event_about(resource, member, body), paths_of(resource))
    assert MARKER.encode() not in clean
    assert "***" in json.dumps(json.loads(clean)[member])
    assert redact_paths(clean, paths_of(resource)) == clean


def test_every_byte_beside_the_value_stays() -> None:
    raw = event_about("databases", "requestObject", DATABASE)
    assert redact_paths(raw, paths_of("databases")) == raw.replace(MARKER.encode(), b"***")
    message = event_about("databases", "responseStatus", {"code": 403, "message": "forbidden: User bob cannot patch"})
    assert redact_paths(message, paths_of("databases")) is message


def test_value_that_a_patch_copies_away_is_not_in_the_answer() -> None:
    patch = [{"op": "copy", "from": "/data/dsn", "path": "/metadata/labels/stolen"}]
    raw = event_about("configmaps", "requestObject", patch).replace(
        b'"requestObject"', b'"responseObject":{"metadata":{"labels":{"x":"%b"}}},"requestObject"' % MARKER.encode()
    )
    assert MARKER.encode() not in redact_paths(raw, paths_of("configmaps"))


def test_body_that_cannot_be_read_is_withheld() -> None:
    deep: Any = {"apiKey": MARKER}
    for _ in range(DEEPEST + 10):
        deep = {"spec": deep}
    assert MARKER.encode() not in redact_paths(event_about("nodes", "requestObject", deep), paths_of("nodes"))
    torn = event_about("configmaps", "requestObject", "@").replace(b'"@"', b'{"data":{"dsn":"%b"]}' % MARKER.encode())
    assert MARKER.encode() not in redact_paths(torn, paths_of("configmaps"))


@pytest.mark.parametrize(("target", "is_meant"), [
    (("databases", "shop.example.com", ""), True), (("databases", "shop.example.com", "status"), True),
    (("databases", "other.example.com", ""), False), (("widgets", "any", "status"), True),
    (("widgets", "any", ""), False),
])
def test_rule_is_about_its_group_and_subresource(target: tuple[str, str, str], is_meant: bool) -> None:
    only = RuleBook(rule for rule in parse_rules(RULES) if rule.resource != "*")
    assert bool(only.paths_of(*target)) is is_meant


def test_equal_values_have_equal_marks_and_no_id_depends_on_the_list() -> None:
    raw = event_about("configmaps", "requestObject", {"data": {"a": MARKER, "b": MARKER, "c": "other"}})
    secret = event_about("secrets", "requestObject", {"kind": "Secret", "stringData": {"a": MARKER}})
    everywhere = Redaction(make_redaction(KEY).mark, RuleBook(parse_rules("* /*/*")))
    marked = identify("prod", raw, everywhere)
    data = json.loads(marked.raw)["requestObject"]["data"]
    assert data["a"] == data["b"] != data["c"] and data["a"].startswith("*** ")
    assert json.loads(identify("prod", secret, everywhere).raw)["requestObject"]["stringData"]["a"] == data["a"]
    assert marked.id == identify("prod", raw).id and identify("prod", raw).raw is raw


@pytest.mark.parametrize(("line", "reason"), [
    ("configmaps", "line 2: after configmaps a path is missing"),
    ("Config_Maps /data", "line 2: 'Config_Maps' is no resource"),
    ("configmaps .data.dsn", "line 2: '.data.dsn' is no path"),
    ("configmaps /data//x", "line 2: '/data//x' has an empty step"),
    ("configmaps /", "has an empty step"), ("configmaps /a~b", "has a ~ that is neither ~0"),
    ("* /**", "after \\*\\* there must be a name"), ("* /**/**/a", "after \\*\\* there must be a name"),
    ("* /" + "a/" * 70 + "a", "the path has 71 steps"),
])
def test_bad_line_is_named_with_its_reason_at_the_start(line: str, reason: str, tmp_path: Path) -> None:
    rules = tmp_path / "redact"
    rules.write_text(f"# ours\n{line}\nconfigmaps /data/*\n", "utf-8")
    with pytest.raises(ConfigError, match=f"REDACT_FILE='{rules}' .*{reason}"):
        Config.from_env({"ENVIRONMENT": "development", "REDACT_FILE": str(rules)})


def test_list_that_is_missing_empty_or_endless_stops_the_start(tmp_path: Path) -> None:
    rules = tmp_path / "redact"
    settings = {"ENVIRONMENT": "development", "REDACT_FILE": str(rules)}
    endless = "* /a\n" * (MOST_RULES + 1)
    for text, reason in ((None, "cannot be read"), ("# none\n", "holds no rule"), (endless, "are the most")):
        if text is not None:
            rules.write_text(text, "utf-8")
        with pytest.raises(ConfigError, match=reason):
            Config.from_env(settings)


def test_recorded_events_lose_only_what_the_rules_name() -> None:
    """Every ConfigMap of recorded traffic, and nothing in the others."""
    seen = 0
    for path in sorted((DATA / "webhook").glob("*.json.gz")):
        for event in json.loads(gzip.decompress(path.read_bytes()).decode("utf-8", "replace"), strict=False)["items"]:
            if not isinstance(event, dict) or "objectRef" not in event:
                continue
            raw, resource = encode(event), event["objectRef"].get("resource", "")
            clean = redact_paths(raw, RuleBook(parse_rules("configmaps /data/*")).paths_of(resource, "", ""))
            assert resource == "configmaps" or clean is raw
            for body in (json.loads(clean).get(name) or {} for name in ("requestObject", "responseObject")):
                if resource == "configmaps" and isinstance(body, dict) and body.get("data"):
                    assert set(body["data"].values()) == {"***"}
                    seen += 1
    assert seen > 3


@pytest.fixture
def rules_file(tmp_path: Path) -> Path:
    """A file of rules."""
    path = tmp_path / "redact.rules"
    path.write_text(RULES, "utf-8")
    return path


@pytest.fixture
def ruled(engine: Config, rules_file: Path, tmp_path: Path) -> Iterator[Flask]:
    """An application with rules, on each engine."""
    app = create_app(replace(engine, redact_file=str(rules_file), spool_dir=str(tmp_path / "spool")))
    yield app
    app.extensions["workers"].stop()
    context_of(app).repository.close()


def events_of_every_shape() -> list[bytes]:
    """Give an event of each shape, pieces that are no event, and a neighbour without anything to mask."""
    events = [event_about(*shape) for name, shape in SHAPES.items() if name != "name with a slash"]
    broken = [b'{"api\\u004bey":"%b",,}' % MARKER.encode(), b'{"apiKey":"%b",,}' % MARKER.encode()]
    return [*events, *broken, encode(audit_event())]


def test_named_value_is_in_no_page_export_or_quarantine(ruled: Flask) -> None:
    client = ruled.test_client()
    assert client.post("/webhook/audit/prod", data=event_list(events_of_every_shape())).status_code == 200
    found = [event["id"] for event in client.get("/api/v1/events?limit=500").get_json()["events"]]
    paths = [f"/events/{each}{form}" for each in found for form in ("", "/raw")]
    texts = [client.get(path).get_data(as_text=True) for path in (*paths, "/api/v1/export", "/?q=body:dsn")]
    kept = [item.content.decode() for item in context_of(ruled).repository.quarantine.read_items()]
    assert len(found) == len(SHAPES) and len(kept) == 2
    assert not [text for text in texts + kept if MARKER in text]


def test_named_value_is_not_in_the_spool(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audit_webhook.storage.spool.batch_file.LEVEL", -100)  # so weak that text stays readable
    away = HealthProbe(lambda: False)
    away.look()
    spool = Spool(tmp_path / "spool", 64 * 1024**2)
    durable = DurableStore(repository, away, spool, make_redaction("", parse_rules(RULES)))
    assert durable.receive("prod", event_list(events_of_every_shape()), now()).spooled == len(SHAPES) + 2
    (path,) = (tmp_path / "spool" / "new").iterdir()
    assert b"credentials" in path.read_bytes() and MARKER.encode() not in path.read_bytes()


def test_named_value_of_an_imported_log_is_masked(repository: Repository, tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(event_about("configmaps", "requestObject", CONFIG_MAP) + b"\n")
    watcher = Watcher(lambda report: None, lambda bad: None)
    for redaction in (make_redaction("", parse_rules(RULES)), BUILT_IN):  # known by its id, it is not stored again
        LogImport(repository, "prod", now(), watcher, redaction).run([str(log)])
    (stored,) = repository.read_chunks(repository.select_events(EVERYTHING, LAST, 10))
    assert MARKER.encode() not in stored.raw
