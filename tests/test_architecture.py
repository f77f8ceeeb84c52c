"""Who may import what, and the budgets that keep each file readable; looks at whatever modules there are."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Final

from audit_webhook import errors
from audit_webhook.blueprints.errors import STATUS
from tests.code_files import MODULES, PACKAGE, every_module, imported, syntax, texts

# A room is a package or a module right below audit_webhook. One that is not named here holds values and pure
# functions: every room may import it, and it may import only its own kind.
ROOMS: Final = {
    "__main__": {"cli"},
    "access": {"config", "reader_store", "signing"},
    "cli": {"commands"},
    "command_line": {"config", "repository", "schema"},
    "commands": {
        "app", "checkpoints", "command_line", "config", "doctor", "evidence", "ingest", "pruning", "query",
        "repository", "schema", "server", "services", "signing", "storage", "users", "wiring",
    },
    "doctor": {
        "checkpoints", "config", "database", "database_tls", "disks", "engine_state", "evidence", "evidence_store",
        "reader_store", "schema", "services", "signing", "spool", "sqlite", "users",
    },
    "disks": {"config"},
    "engine_state": {"database", "schema"},
    "app": {
        "access", "blueprints", "breaker", "checkpointer", "compactor", "config", "daily", "disks", "explore", "ingest",
        "keeper", "loss_metrics", "metrics", "operate",
        "quarantine_metrics", "reader_store", "repository", "services", "spool", "storage",
        "users", "wiring",
    },
    "server": {"app", "blueprints", "config", "ingest", "metrics", "services", "wiring"},
    "blueprints": {
        "explore", "humanize", "ingest", "openapi", "query", "search", "services", "storage", "wiring",
    },
    "openapi": {"openapi_schemas"},
    "openapi_schemas": {"history"},
    "wiring": {"access", "config", "ingest", "metrics", "repository", "services", "storage"},
    "keeper": {"engine_state", "ingest", "operate", "repository", "services"},
    "daily": {"operate", "repository", "services", "wiring"},
    "compactor": {"operate", "repository"},
    "checkpointer": {"operate", "services"},
    "metrics": {"board", "operate"},
    "loss_metrics": {"operate"},
    "quarantine_metrics": {"operate"},
    "explore": {
        "config", "humanize", "ingest", "loss_metrics", "quarantine_metrics", "query", "repository",
        "services", "storage",
    },
    "ingest": {"storage", "transaction"},
    "operate": {"sqlite"},
    "sqlite": set(),
    "board": set(),
    "search": {"query", "repository"},
    "services": {
        "access", "anchors", "breaker", "checkpoints", "config", "engine_state", "evidence", "evidence_store",
        "exploration", "history",
        "humanize", "ingest", "kubectl", "operate", "pruning", "query",
        "reader_store", "refusal_store", "repository", "saved_searches", "search",
        "search_sql", "signing", "spool", "storage", "tally_store", "transaction", "users",
    },
    "storage": {"database", "queries", "tally_store"},
    "spool": {"config"},
    "breaker": {"operate"},
    "repository": {
        "config", "database", "queries", "refusal_store", "saved_searches", "schema", "search_sql", "storage",
        "tally_store", "transaction",
    },
    "exploration": {"database", "queries", "search_sql"},
    "reader_store": {"database", "queries"},
    "refusal_store": {"database", "queries"},
    "evidence": {"checkpoints", "database", "evidence_store", "queries", "schema", "signing"},
    "evidence_store": {"checkpoints", "database", "queries", "search_sql", "storage"},
    "checkpoints": {"signing"},
    "signing": set(),
    "anchors": set(),
    "users": set(),
    "saved_searches": {"database", "queries"},
    "tally_store": {"database", "queries", "search_sql", "transaction"},
    "pruning": {"database", "queries", "schema", "transaction"},
    "schema": {"database"},
    "transaction": {"database"},
    "database": {"config", "mysql", "servers", "sqlite"},
    "servers": {"config", "mysql"},
    "database_tls": {"config"},
    "mysql": {"database_tls", "bulk_cursor", "config", "prepared"},
    "bulk_cursor": {"bulk", "prepared"},
    "prepared": {"binary_rows"},
    "binary_rows": {"bulk"},
    "bulk": set(),
    "queries": set(),
    "search_sql": set(),
    "config": set(),
    "history": set(),
    "humanize": set(),
    "kubectl": {"humanize"},
    "query": set(),
}
LIBRARIES: Final = {
    "flask": {"app", "blueprints", "server"},
    "werkzeug": {"app", "blueprints", "server"},
    "jinja2": {"app", "blueprints"},
    "waitress": {"server"},
    "pymysql": {"bulk", "bulk_cursor", "database", "mysql", "prepared", "repository", "servers"},
    "sqlite3": {"database", "evidence", "operate", "repository", "sqlite"},
    "socket": {"mysql", "server"},
    "cryptography": {"access", "signing"},
    "prometheus_client": {"loss_metrics", "metrics", "quarantine_metrics"},
    "subprocess": set[str](),
}
SPEAK_SQL: Final = {
    "database", "engine_state", "evidence_store", "exploration", "mysql", "pruning", "queries", "query", "repository",
    "saved_searches", "schema", "search_sql", "servers", "sqlite", "storage", "tally_store", "transaction",
}
STATEMENT: Final = re.compile(
    r"\b(SELECT\s+\S|INSERT\s+INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s|(ALTER|DROP)\s+TABLE\s)"
)


def room_of(path: Path) -> str:
    """Give the room that a module lies in."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    """Give the rooms that a module imports from; a plain name of the package itself, such as its version, is none."""
    rooms = {name.split(".")[1] for name in imported(path) if name.startswith("audit_webhook.")}
    return {room for room in rooms if not room.startswith("__")} - {room_of(path)}


@every_module
def test_room_imports_only_what_lies_below_it(path: Path) -> None:
    named = imported_rooms(path) & ROOMS.keys()
    assert named <= ROOMS.get(room_of(path), set())


def test_no_rooms_import_each_other_in_a_circle() -> None:
    below = {room_of(path): set[str]() for path in MODULES}
    for path in MODULES:
        below[room_of(path)] |= imported_rooms(path)
    while leaves := {room for room, others in below.items() if not others & below.keys()}:
        below = {room: others for room, others in below.items() if room not in leaves}
    assert below == {}


@every_module
def test_only_the_edges_touch_libraries(path: Path) -> None:
    used = {name.split(".")[0] for name in imported(path)} & LIBRARIES.keys()
    assert [library for library in used if room_of(path) not in LIBRARIES[library]] == []


@every_module
def test_only_the_settings_read_the_environment(path: Path) -> None:
    reads = {"environ", "environb", "getenv", "getenvb"}
    names = {
        node.attr
        for node in ast.walk(syntax(path))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os"
    } | {name.removeprefix("os.") for name in imported(path) if name.startswith("os.")}
    assert room_of(path) == "config" or not names & reads


@every_module
def test_only_the_store_speaks_sql(path: Path) -> None:
    assert room_of(path) in SPEAK_SQL or [text for text in texts(path) if STATEMENT.search(text)] == []


def test_every_error_of_the_domain_has_its_http_status() -> None:
    kinds = {kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__}
    assert kinds - STATUS.keys() == set()
    assert all(400 <= status < 600 for status in STATUS.values())
