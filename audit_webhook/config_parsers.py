"""How a file ``.env`` and the text of each kind of setting are read; ValueError says what a text is not."""

import ipaddress
import os
import re
import ssl
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from audit_webhook.events.redaction.rules import Rule, parse_rules

_COUNT: Final = re.compile(r"([a-z0-9.-]{1,63})\s*=\s*([1-9]\d{0,2})", re.ASCII)
SSL_MODES: Final = ("disabled", "preferred", "required", "verify_ca", "verify_identity")
STORAGE_ENGINES: Final = ("InnoDB", "ROCKSDB")
ENVIRONMENTS: Final = ("development", "production")
_SERVER: Final = re.compile(r"(?:\[([0-9A-Fa-f.]*:[0-9A-Fa-f:.%]+)\]|([^\s:\[\]]+))(?::(\d{1,5}))?")


def text(raw: str) -> str:
    """Take any text."""
    return raw


def environment(raw: str) -> str:
    """Read the kind of environment."""
    if raw not in ENVIRONMENTS:
        raise ValueError(f"is not one of {', '.join(ENVIRONMENTS)}")
    return raw


def certificates(raw: str) -> str:
    """Read the path of a file of PEM certificates."""
    try:
        ssl.create_default_context(cafile=raw)
    except (OSError, ValueError) as error:
        raise ValueError("is not a readable file of PEM certificates") from error
    return raw


def ssl_mode(raw: str) -> str:
    """Read a mode of TLS to the database."""
    if raw not in SSL_MODES:
        raise ValueError(f"is not one of {', '.join(SSL_MODES)}")
    return raw


def storage_engine(raw: str) -> str:
    """Read the name of a storage engine of MariaDB, as its tables show it."""
    names = {name.lower(): name for name in STORAGE_ENGINES}
    if raw.lower() not in names:
        raise ValueError(f"is not one of {', '.join(names)}")
    return names[raw.lower()]


def port(raw: str) -> int:
    """Read a port."""
    if not raw.isascii() or not raw.isdigit() or not 0 < int(raw) < 65536:
        raise ValueError("is not a port (1 to 65535)")
    return int(raw)


def port_or_none(raw: str) -> int:
    """Read a port; 0 for none."""
    return 0 if raw == "0" else port(raw)


def process_count(raw: str) -> int:
    """Read how many processes."""
    if not raw.isascii() or not raw.isdigit() or not 0 < int(raw) <= 64:
        raise ValueError("is not a number of processes from 1 to 64")
    return int(raw)


def byte_count(raw: str) -> int:
    """Read the size of a body."""
    if not raw.isascii() or not raw.isdigit() or not 1024 <= int(raw) <= 1024**3:
        raise ValueError("is not a number of bytes from 1024 to 1073741824")
    return int(raw)


def folder(raw: str) -> str:
    """Read a folder that is there."""
    if not os.access(raw, os.R_OK | os.X_OK) or not Path(raw).is_dir():
        raise ValueError("is not a folder that can be read")
    return raw


def path_or_none(raw: str) -> str:
    """Read the path of a file; empty for ``none``."""
    return "" if raw == "none" else raw


def anchors(raw: str) -> str:
    """Read the path of a file, or an address."""
    if "://" in raw and not raw.startswith(("http://", "https://")):
        raise ValueError("is neither a file nor an http:// or https:// address")
    return raw


def networks(raw: str) -> str:
    """Read addresses or networks."""
    for part in raw.split(","):
        try:
            ipaddress.ip_network(part.strip())
        except ValueError as error:
            raise ValueError("is not a list of addresses or networks with commas between them") from error
    return raw


def header(raw: str) -> str:
    """Read a header's name."""
    if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", raw):
        raise ValueError("is not the name of a header: letters, digits and -")
    return raw


def long_secret(raw: str) -> str:
    """Read a secret that cannot be guessed."""
    if len(raw) < 32:
        raise ValueError("is too short: give 32 characters or more, such as the output of `openssl rand -hex 32`")
    return raw


def rules_file(raw: str) -> str:
    """Read the name of a file with rules for redaction, and check each of them."""
    redaction_rules(raw)
    return raw


def redaction_rules(path: str) -> tuple[Rule, ...]:
    """Read a file of rules for redaction."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot be read: {error}") from error
    return parse_rules(text)


def day_count(raw: str) -> int:
    """Read a number of days."""
    if not raw.isascii() or not raw.isdigit() or int(raw) > 36_500:
        raise ValueError("is not a number of days from 0 to 36500")
    return int(raw)


def spool_bytes(raw: str) -> int:
    """Read the size of a spool."""
    if not raw.isascii() or not raw.isdigit() or not 1024**2 <= int(raw) <= 1024**5:
        raise ValueError("is not a number of bytes from 1048576 to 1125899906842624")
    return int(raw)


def database_name(raw: str) -> str:
    """Read a database's name."""
    if not re.fullmatch(r"[A-Za-z0-9_$-]{1,64}", raw):
        raise ValueError("is not a database name: 1 to 64 letters, digits, _, $ or -")
    return raw


def servers(raw: str) -> str:
    """Read hosts with commas between them, each with a port of its own or without."""
    addresses(raw, 1)
    return raw


def addresses(raw: str, port: int) -> tuple[tuple[str, int], ...]:
    """Give the hosts and ports of a list such as ``db1, db2:3307, [::1]:3306``, with this port where none is said."""
    parts = [part.strip() for part in raw.split(",")]
    found = [_SERVER.fullmatch(part) for part in parts]
    pairs = [
        (part, port) if part.count(":") > 1 and not part.startswith("[")
        else (match[1] or match[2], int(match[3] or port)) if match else ("", 0)
        for part, match in zip(parts, found, strict=True)
    ]
    if not all(host and 0 < number < 65536 for host, number in pairs):
        raise ValueError("is not a list of hosts with commas between them, each as HOST or HOST:PORT")
    return tuple(dict.fromkeys(pairs))


def public_url(raw: str) -> str:
    """Read the address at which others reach this server: a scheme, a host, perhaps a port and a path."""
    try:
        parts = urlsplit(raw)
        is_whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole or parts.username or parts.query or parts.fragment or not raw.isascii() or not raw.isprintable():
        raise ValueError("is not an address such as https://audit.example.com:8443")
    return raw.rstrip("/")


def sender_counts(raw: str) -> str:
    """Read how many senders each cluster has."""
    expected_senders(raw)
    return raw


def expected_senders(raw: str) -> dict[str, int]:
    """Return the numbers of a list such as ``prod=3, staging=1`` by cluster."""
    counts = {}
    for part in raw.split(",") if raw.strip() else ():
        match = _COUNT.fullmatch(part.strip())
        if match is None:
            raise ValueError("is not a list such as prod=3, staging=1")
        counts[match[1]] = int(match[2])
    return counts


def read_dotenv(path: Path) -> dict[str, str]:
    """Read ``NAME=value`` lines; comments, ``export`` and quotes around a value are understood.

    Without a file there are no values.
    """
    if not path.is_file():
        return {}
    values = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#"):
            value = value.strip()
            quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
            values[name.strip()] = value[1:-1] if quoted else value.split(" #")[0].rstrip()
    return values
