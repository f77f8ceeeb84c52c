"""Reads SINKS_FILE, strictly: whatever is wrong is named with file, sink and key, and no secret is repeated.

The file holds tables ``[[sink]]``; docs/alerts.md says what each key means. A value of `SECRETS` may stand in a file of
its own, which ``KEY_file`` names.
"""

from __future__ import annotations

import base64
import re
import ssl
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from audit_webhook.alerts.notifications.sink import KINDS, Kind, Mail, Post, QuietHours, Sink
from audit_webhook.alerts.rule import SEVERITIES
from audit_webhook.errors import ConfigError
from audit_webhook.query import Predicate, QueryError, compile_predicate, parse

MOST_SINKS: Final = 32
LONGEST_FILE: Final = 1024 * 1024
LONGEST_SECRET: Final = 4096
SECRETS: Final = ("url", "secret", "token", "password")
_EACH: Final = frozenset({
    "name", "kind", "severity", "clusters", "query", "quiet_hours", "group_interval", "group_by", "send_resolved",
    "ca_file",
})
_OWN: Final[dict[Kind, frozenset[str]]] = {
    "webhook": frozenset({"url", "secret", "token"}),
    "slack": frozenset({"url"}),
    "alertmanager": frozenset({"url", "token", "username", "password"}),
    "email": frozenset({"host", "port", "encryption", "username", "password", "from", "to"}),
}
_ALERT_BY_ALERT: Final = ("webhook", "alertmanager")
"""Kinds that programs read, which tell alerts apart themselves."""
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_CLUSTER: Final = re.compile(r"[a-z0-9.-]{1,63}")
_TIME: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_WITHIN: Final = re.compile(r"(\d{1,4})([smh])")
_UNITS: Final = {"s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000}
_LONGEST_INTERVAL: Final = 24 * 3_600_000_000
_ADDRESS: Final = re.compile(r"[^\s@<>,;:\"\\]{1,64}@[^\s@<>,;:\"\\]{1,190}")
_NOW: Final = 1_800_000_000_000_000
_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}


class SinkError(ConfigError):
    """A sink cannot be used; the message begins with the file."""


def read_sinks(path: str) -> tuple[Sink, ...]:
    """Return the sinks of a file, none where the path is empty; raises SinkError."""
    if not path:
        return ()
    text = _read(Path(path), path, LONGEST_FILE)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SinkError(f"{path}: is not TOML: {error}") from error
    tables = document.get("sink", [])
    if document.keys() - {"sink"} or not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
        raise SinkError(f"{path}: a file of sinks holds tables [[sink]] and nothing else")
    if len(tables) > MOST_SINKS:
        raise SinkError(f"{path}: there are {len(tables)} sinks, and {MOST_SINKS} may be")
    sinks = tuple(_Reader(table, path, number).sink() for number, table in enumerate(tables, 1))
    names = [sink.name for sink in sinks]
    for name in names:
        if names.count(name) > 1:
            raise SinkError(f"{path}: sink {name}: name: two sinks have it")
    return sinks


def files_of(path: str) -> list[Path]:
    """Return the files that a file of sinks names, itself first; what cannot be read names none."""
    found = [Path(path)]
    try:
        tables = tomllib.loads(_read(Path(path), path, LONGEST_FILE)).get("sink", [])
    except (SinkError, tomllib.TOMLDecodeError):
        return found
    for table in tables if isinstance(tables, list) else ():
        if isinstance(table, dict):
            found += [Path(value) for key, value in table.items() if key.endswith("_file") and isinstance(value, str)]
    return found[:MOST_SINKS * len(SECRETS)]


def _read(path: Path, source: str, limit: int) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
        if len(content) > limit:
            raise SinkError(f"{source}: is longer than {limit:,} bytes")
        return content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SinkError(f"{source}: cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}") from error


class _Reader:
    """Reads one table, the ``number``-th of the file."""

    def __init__(self, table: dict[str, Any], source: str, number: int) -> None:
        self._table, self._source, self._number = table, source, number

    def sink(self) -> Sink:
        """Return the sink."""
        name = self._text("name", _NAME, "letters a-z, digits and dashes, at most 63")
        kind: Kind = self._choice("kind", KINDS)
        own = _OWN[kind]
        known = _EACH | own | {f"{key}_file" for key in own & set(SECRETS)}
        for key in self._table.keys() - known:
            raise self._mistake(key, f"is not a key of a sink of kind {kind}; there are {', '.join(sorted(known))}")
        return Sink(
            name=name, kind=kind, target=self._mail() if kind == "email" else self._post(kind),
            severity=SEVERITIES.index(self._choice("severity", SEVERITIES, "info")),
            clusters=frozenset(self._texts("clusters", _CLUSTER, "a list of clusters")) if "clusters" in self._table
            else frozenset(),
            query=self._text("query") if "query" in self._table else "", matches=self._matches(),
            quiet=self._quiet(), interval=self._interval(),
            group_by=self._choice("group_by", ("rule", "alert"), "alert" if kind in _ALERT_BY_ALERT else "rule"),
            send_resolved=self._flag("send_resolved", kind == "alertmanager"),
        )

    def _post(self, kind: Kind) -> Post:
        token, username = self._secret("token"), str(self._table.get("username", ""))
        authorization = f"Bearer {token}" if token else ""
        if username:
            if token:
                raise self._mistake("username", "stands beside token; keep one")
            pair = f"{self._text('username')}:{self._secret('password')}".encode()
            authorization = f"Basic {base64.b64encode(pair).decode()}"
        elif "password" in self._table or "password_file" in self._table:
            raise self._mistake("username", "is needed beside password")
        if not authorization.isascii() or not authorization.isprintable():
            raise self._mistake("token", "holds characters that a header cannot have")
        return Post(self._url(), self._secret("secret"), authorization, self._ca_file())

    def _url(self) -> str:
        url = self._secret("url", is_needed=True)
        try:
            parts = urlsplit(url)
            is_whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_whole = False
        if not is_whole or not url.isascii() or not url.isprintable() or " " in url or parts.fragment:
            raise self._mistake("url", "is not an address that begins with https:// or http://")
        if parts.username or parts.password:
            raise self._mistake("url", "holds a user or password; give username and password, or token, as keys")
        return url

    def _mail(self) -> Mail:
        encryption = self._choice("encryption", tuple(_PORTS), "starttls")
        port = self._table.get("port", _PORTS[encryption])
        if type(port) is not int or not 0 < port < 65536:
            raise self._mistake("port", "is not a port (1 to 65535)")
        username, password = str(self._table.get("username", "")), self._secret("password")
        if bool(username) != bool(password):
            raise self._mistake("username", "and password need each other")
        if password and encryption == "none":
            raise self._mistake("encryption", "a password is sent encrypted only; choose starttls or tls")
        what = "an address such as audit@example.com"
        to = self._texts("to", _ADDRESS, f"a list of addresses, each {what}")
        host = self._text("host", re.compile(r"[A-Za-z0-9.:_-]{1,253}"), "the name or address of a mail server")
        return Mail(host, port, encryption, self._text("from", _ADDRESS, what), to, username, password, self._ca_file())

    def _ca_file(self) -> str:
        if "ca_file" not in self._table:
            return ""
        path = self._text("ca_file")
        try:
            ssl.create_default_context(cafile=path)
        except (OSError, ValueError) as error:
            raise self._mistake("ca_file", "is not a readable file of PEM certificates") from error
        return path

    def _secret(self, key: str, is_needed: bool = False) -> str:
        """Read a value that may stand in a file of its own; what is wrong with it is said without it."""
        if key in self._table and f"{key}_file" in self._table:
            raise self._mistake(key, f"and {key}_file are both set; keep one")
        if f"{key}_file" in self._table:
            path = self._text(f"{key}_file")
            value = _read(Path(path), f"{self._source}: sink {self._name()}: {key}_file", LONGEST_SECRET).strip()
        else:
            value = self._table.get(key, "")
        if not isinstance(value, str) or len(value) > LONGEST_SECRET:
            raise self._mistake(key, f"is a text of at most {LONGEST_SECRET:,} characters")
        if not value and (is_needed or key in self._table or f"{key}_file" in self._table):
            raise self._mistake(key, f"is missing or empty; {key}_file may name a file that holds it")
        return value

    def _matches(self) -> Predicate | None:
        if "query" not in self._table:
            return None
        try:
            return compile_predicate(parse(self._text("query"), _NOW))
        except QueryError as error:
            raise self._mistake("query", f"at character {error.position + 1}: {error.message}") from error

    def _quiet(self) -> QuietHours | None:
        table = self._table.get("quiet_hours")
        if table is None:
            return None
        if not isinstance(table, dict) or table.keys() - {"from", "to", "zone", "except"}:
            raise self._mistake("quiet_hours", "is a table of from, to, zone and except")
        times = [_TIME.fullmatch(str(table.get(name, ""))) for name in ("from", "to")]
        minutes = [int(each[1]) * 60 + int(each[2]) for each in times if each]
        if len(minutes) < 2 or minutes[0] == minutes[1]:
            raise self._mistake("quiet_hours", "from and to are two times such as 22:00 and 06:30")
        try:
            zone = ZoneInfo(str(table.get("zone", "UTC")))
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise self._mistake("quiet_hours", "zone is not a time zone that this machine knows") from error
        kept = table.get("except", "critical")
        if kept not in (*SEVERITIES, "none"):
            raise self._mistake("quiet_hours", f"except is one of {', '.join(SEVERITIES)} or none")
        return QuietHours(minutes[0], minutes[1], zone, SEVERITIES.index(kept) if kept != "none" else len(SEVERITIES))

    def _interval(self) -> int:
        text = self._table.get("group_interval", "5m")
        match = _WITHIN.fullmatch(text) if isinstance(text, str) else None
        interval = int(match[1]) * _UNITS[match[2]] if match else -1
        if not 0 <= interval <= _LONGEST_INTERVAL:
            raise self._mistake("group_interval", "is a time such as 0s, 90s, 5m or 1h, of at most 24h")
        return interval

    def _text(self, key: str, pattern: re.Pattern[str] | None = None, what: str = "a text") -> str:
        value = self._table.get(key)
        if not isinstance(value, str) or not value.strip() or pattern and not pattern.fullmatch(value):
            raise self._mistake(key, f"is needed: {what}" if key not in self._table else f"is not {what}")
        return value.strip()

    def _texts(self, key: str, pattern: re.Pattern[str], what: str) -> tuple[str, ...]:
        values = self._table.get(key)
        if not isinstance(values, list) or not 0 < len(values) <= 100:
            raise self._mistake(key, f"is {what}, of 1 to 100")
        if not all(isinstance(value, str) and pattern.fullmatch(value) for value in values):
            raise self._mistake(key, f"is {what}")
        return tuple(values)

    def _choice(self, key: str, choices: Iterable[Any], default: str = "") -> Any:
        value = self._table.get(key, default)
        if value not in choices:
            raise self._mistake(key, f"is one of {', '.join(choices)}")
        return value

    def _flag(self, key: str, default: bool) -> bool:
        value = self._table.get(key, default)
        if not isinstance(value, bool):
            raise self._mistake(key, "is true or false")
        return value

    def _name(self) -> str:
        name = self._table.get("name")
        return name if isinstance(name, str) and _NAME.fullmatch(name) else f"number {self._number}"

    def _mistake(self, key: str, message: str) -> SinkError:
        return SinkError(f"{self._source}: sink {self._name()}: {key}: {message}")
