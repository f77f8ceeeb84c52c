"""Who may import what, and which rooms may touch which library."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Final

from audit_webhook import errors
from audit_webhook.web.errors import STATUS
from tests.code_files import MODULES, PACKAGE, every_module, imported, syntax, texts

# A room is a package right below audit_webhook; a row says which rooms it may import. The modules beside the rooms are
# either below all of them (settings, errors, time limits, workers) or above all of them (`app`, `cli`).
ROOMS: Final = {
    "events": set[str](),
    "query": {"events", "storage"},
    "humanize": {"events"},
    "kubectl": {"events", "humanize"},
    "history": {"events"},
    "storage": {"events"},
    "web": {"query"},
    "access": {"events", "storage", "web"},
    "ingest": {"events", "storage", "web"},
    "search": {"access", "events", "humanize", "kubectl", "query", "storage", "web"},
    "evidence": {"events", "humanize", "ingest", "search", "storage"},
    "client": {"events", "history"},
    "operate": {"access", "client", "events", "evidence", "ingest", "search", "storage", "web"},
    "explore": {
        "access", "events", "history", "humanize", "ingest", "kubectl", "operate", "query", "search", "storage", "web",
    },
    "alerts": {"access", "events", "explore", "humanize", "ingest", "operate", "query", "search", "storage", "web"},
}
MOST_ROOMS: Final = 15
BESIDE: Final = {
    "__init__", "__main__", "app", "cli", "command_line", "config", "config_parsers", "context", "deadline", "errors",
    "paths", "worker",
}
MOST_BESIDE: Final = 10
ABOVE: Final = {"app": {"__main__", "operate"}, "cli": {"__main__"}, "context": {"app", *ROOMS} - {"events", "query"}}
"""Modules beside the rooms that put others together, and who may import them."""
LIBRARIES: Final = {
    "flask": {"app", "access", "alerts", "evidence", "explore", "ingest", "operate", "search", "web"},
    "werkzeug": {"app", "access", "alerts", "evidence", "explore", "ingest", "operate", "search", "web"},
    "jinja2": {"app", "web"},
    "waitress": {"operate"},
    "pymysql": {"storage"},
    "sqlite3": {"evidence", "operate", "storage"},
    "socket": {"alerts", "operate", "storage"},
    "cryptography": {"access", "storage"},
    "prometheus_client": {"operate"},
    "subprocess": {"client"},
    "mcp": {"client"},
}
READ_THE_ENVIRONMENT: Final = {"config.py", "client/environment.py"}
"""One module of the server, and one of the client, which runs elsewhere."""
SPEAK_SQL: Final = {"evidence", "query", "storage"}
STATEMENT: Final = re.compile(
    r"\b(SELECT\s+\S|INSERT\s+INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s|(ALTER|DROP)\s+TABLE\s)"
)


def room_of(path: Path) -> str:
    """Return the room that a module lies in, or its own name beside the rooms."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    """Return the rooms, and the modules beside them, that a module imports from."""
    rooms = {name.split(".")[1] for name in imported(path) if name.startswith("audit_webhook.")}
    return {room for room in rooms if not room.startswith("__")} - {room_of(path)}


def test_there_are_few_rooms_and_few_modules_beside_them() -> None:
    assert {room_of(path) for path in MODULES} == ROOMS.keys() | BESIDE
    assert len(ROOMS) <= MOST_ROOMS
    assert len(BESIDE) - len({"__init__", "__main__"}) <= MOST_BESIDE


def test_every_room_says_what_lives_in_it() -> None:
    short = [room for room in ROOMS if len((ast.get_docstring(syntax(PACKAGE / room / "__init__.py")) or "")) < 80]
    assert short == []


@every_module
def test_room_imports_only_what_its_row_allows(path: Path) -> None:
    named = imported_rooms(path) & ROOMS.keys()
    assert room_of(path) in BESIDE or named <= ROOMS[room_of(path)]


@every_module
def test_only_what_lies_above_imports_what_puts_together(path: Path) -> None:
    for module, allowed in ABOVE.items():
        assert module not in imported_rooms(path) or room_of(path) in allowed


def test_no_rooms_import_each_other_in_a_circle() -> None:
    below = {room: set(others) for room, others in ROOMS.items()}
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
    assert path.relative_to(PACKAGE).as_posix() in READ_THE_ENVIRONMENT or not names & reads


@every_module
def test_only_the_store_speaks_sql(path: Path) -> None:
    assert room_of(path) in SPEAK_SQL or [text for text in texts(path) if STATEMENT.search(text)] == []


def test_every_error_of_the_domain_has_its_http_status() -> None:
    kinds = {kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__}
    assert kinds - STATUS.keys() == set()
    assert all(400 <= status < 600 for status in STATUS.values())
