"""The settings: the only module that reads the environment.

Each setting is a field of `Config`; its name in capitals is the environment variable. Every setting marked as a secret
may also be given as ``NAME_FILE``, the path of a file that holds it.
"""

import difflib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from audit_webhook import config_parsers as read
from audit_webhook.errors import ConfigError
from audit_webhook.events.redaction.rules import Rule

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


def _setting(default: Any, meaning: str, parse: Callable[[str], Any] = read.text, secret: bool = False) -> Any:
    return field(default=default, repr=not secret, metadata={"meaning": meaning, "parse": parse, "secret": secret})


@dataclass(frozen=True, kw_only=True)
class Config:
    """Every setting, checked; a field's metadata holds its meaning for the documentation."""
    environment: str = _setting(
        "production",
        "`development` listens on this machine only, may do without a token and offers sample events; `production` "
        "needs a token.",
        read.environment,
    )
    http_host: str = _setting("", "Address to listen on. Empty: `127.0.0.1` in development, `0.0.0.0` in production.")
    http_port: int = _setting(8080, "Port to listen on.", read.port)
    ui_port: int = _setting(
        0, "Port of a listener and a process of their own for the pages; in production it needs MariaDB or MySQL. `0`: "
        "they are served on `HTTP_PORT`.", read.port_or_none,
    )
    workers: int = _setting(
        1, "Processes that receive batches, all on `HTTP_PORT`; several need MariaDB or MySQL.", read.process_count,
    )
    webhook_token: str = _setting(
        "", "A token with which any cluster may send. Production needs this one or `WEBHOOK_TOKENS_DIR`.", secret=True
    )
    webhook_tokens_dir: str = _setting(
        "", "Folder with a file for each cluster, named like it, that holds the tokens valid for this cluster alone, "
        "one a line. It is read again while the server runs.",
        read.folder,
    )
    max_body_bytes: int = _setting(
        1024**3,
        "Largest batch taken; a larger one is answered with 413. Batches are read and stored in parts, so that memory "
        "does not grow with them.",
        read.byte_count,
    )
    db_host: str = _setting(
        "",
        "Host of the MariaDB or MySQL server, or several with commas between them, each as HOST or HOST:PORT: the "
        "first that takes writes is used until it fails. Empty: the embedded SQLite database is used.",
        read.servers,
    )
    db_port: int = _setting(3306, "Port of the database servers of which `DB_HOST` names none.", read.port)
    db_user: str = _setting("audit", "User of the database server.")
    db_password: str = _setting("", "Password of the database user.", secret=True)
    db_name: str = _setting("audit", "Name of the database; it is made if the user may do so.", read.database_name)
    db_engine: str = _setting(
        "InnoDB", "Storage engine of the tables that are made in MariaDB: `innodb`, or `rocksdb` for less disk space.",
        read.storage_engine,
    )
    db_ssl_ca: str = _setting(
        "", "File with the certificates (PEM) of the authority that signed the database server's. With it, the "
        "server's certificate and name are verified.",
        read.certificates,
    )
    db_ssl_mode: str = _setting(
        "",
        "`disabled`, `preferred`, `required` (encrypted, not verified), `verify_ca` or `verify_identity`. Empty: "
        "`verify_identity` with `DB_SSL_CA`, else `preferred`.",
        read.ssl_mode,
    )
    db_path: str = _setting("audit.db", "File of the embedded SQLite database, used when `DB_HOST` is empty.")
    ui_users_file: str = _setting("users.txt", "File of those who may read; `audit-webhook user` writes it.")
    trusted_proxies: str = _setting(
        "",
        "Addresses or networks of the proxies in front, with commas between them. Only their `X-Forwarded-For` is "
        "believed: it tells the address of a sender or reader, for refusals, `/losses` and limits on logins.",
        read.networks,
    )
    public_url: str = _setting(
        "",
        "Address at which this server is reached through the proxy in front, such as "
        "`https://audit.example.com:8443`, for the files that `/setup` writes, and for links in messages. "
        "Empty: the address of the page; no links.",
        read.public_url,
    )
    expected_senders: str = _setting(
        "", "How many kube-apiservers each cluster has, such as `prod=3, staging=1`: a cluster of which fewer are "
        "heard is marked on `/losses` and raises an alarm.",
        read.sender_counts,
    )
    trusted_source_proxies: str = _setting(
        "", "Addresses or networks of the proxies in front of the kube-apiservers, with commas between them. The "
        "address that they claim a request to come from is shown as the client's; `ip:` finds claimed addresses either "
        "way.", read.networks,
    )
    auth_proxy_peers: str = _setting(
        "", "Addresses or networks of an authenticating proxy, with commas between them. It needs the next three.",
        read.networks,
    )
    auth_proxy_user_header: str = _setting("", "Header in which the proxy names the user.", read.header)
    auth_proxy_secret_header: str = _setting("", "Header in which the proxy proves itself.", read.header)
    auth_proxy_secret: str = _setting("", "What the proxy must send in that header.", read.long_secret, secret=True)
    secret_key: str = _setting(
        "",
        "Key for the pseudonyms that replace secrets, so that equal secrets can be recognised. Empty: all look the "
        "same.",
        read.long_secret, secret=True,
    )
    redact_file: str = _setting(
        "", "File with further things to mask before an event is stored: on each line a resource and a path in its "
        "objects, such as `configmaps /data/*`; see [docs/security.md](docs/security.md#masking-more).",
        read.rules_file,
    )
    evidence_key_file: str = _setting(
        "evidence.key",
        "File with the key that signs checkpoints over what is stored; it is made when it is missing. `none`: nothing "
        "is signed.",
        read.path_or_none,
    )
    evidence_last_file: str = _setting(
        "",
        "File that remembers the newest checkpoint, so that no older or other history is ever signed. Empty: "
        "`EVIDENCE_KEY_FILE` with `.last` after it. `none`: each process remembers what it has seen itself.",
    )
    evidence_anchors: str = _setting(
        "",
        "File that each checkpoint is appended to, or an `http://` or `https://` address that it is posted to. They "
        "are on the log too.",
        read.anchors,
    )
    retention_days: int = _setting(
        0, "Events that are older than so many days are deleted, once a day. 0: events are kept for ever.",
        read.day_count,
    )
    rules_dir: str = _setting(
        "", "Folder with TOML files of rules of your own, see [docs/alerts.md](docs/alerts.md).", read.folder,
    )
    sinks_file: str = _setting(
        "", "TOML file of who is told of alerts, see [docs/alerts.md](docs/alerts.md#notifications)."
    )
    spool_dir: str = _setting(
        "", "Folder on a persistent disk where batches wait while the database is away. Empty: they are refused with "
        "503.",
    )
    spool_max_bytes: int = _setting(
        4 * 1024**3, "Most bytes that wait in the spool; a full spool refuses batches with 503.", read.spool_bytes
    )

    def __post_init__(self) -> None:
        """Fill in the address that depends on the environment."""
        if not self.http_host:
            object.__setattr__(self, "http_host", LOOPBACK[0] if self.is_development else "0.0.0.0")

    def check_serving(self) -> None:
        """Refuse what cannot be served, or would let just anybody send events; raises ConfigError.

        Commands that open no port do not ask.
        """
        self._check_proxy()
        if self.ui_port == self.http_port:
            raise ConfigError(f"UI_PORT={self.ui_port} is HTTP_PORT too; give the pages a port of their own")
        if self.workers > 1 and not self.db_host:
            raise ConfigError(
                f"WORKERS={self.workers} needs MariaDB or MySQL: set DB_HOST. A SQLite file is written by one process."
            )
        if not self.may_pages_write and not self.is_open:
            raise ConfigError(
                f"UI_PORT={self.ui_port} needs MariaDB or MySQL where readers log in: set DB_HOST, or leave it out. "
                "Logins are written down, and a SQLite file is written by one process."
            )
        if self.webhook_token or self.webhook_tokens_dir:
            return
        if not self.is_development:
            raise ConfigError(
                "WEBHOOK_TOKEN is not set, and in production anybody could then send events. Set it to a long random "
                "text, such as the output of `openssl rand -hex 32`, or WEBHOOK_TOKENS_DIR to a folder with a file of "
                "tokens for each cluster, or set ENVIRONMENT=development for a trial."
            )
        if self.http_host not in LOOPBACK:
            raise ConfigError(
                f"HTTP_HOST={self.http_host} can be reached by others and WEBHOOK_TOKEN is not set. "
                "Set WEBHOOK_TOKEN, or let HTTP_HOST be 127.0.0.1."
            )

    def _check_proxy(self) -> None:
        parts = [f"auth_proxy_{name}" for name in ("peers", "user_header", "secret_header", "secret")]
        missing = [name.upper() for name in parts if not getattr(self, name)]
        if 0 < len(missing) < len(parts):
            raise ConfigError(f"{', '.join(missing)}: not set, and an authenticating proxy needs all of AUTH_PROXY_*")

    def read_redaction_rules(self) -> tuple[Rule, ...]:
        """Give the rules of `redact_file`, none when it is not set; raises ConfigError."""
        try:
            return read.redaction_rules(self.redact_file) if self.redact_file else ()
        except ValueError as error:
            raise ConfigError(f"REDACT_FILE={self.redact_file!r} {error}") from error

    @property
    def db_servers(self) -> tuple[tuple[str, int], ...]:
        """The host and port of each database server."""
        return read.addresses(self.db_host, self.db_port)

    @property
    def senders_of_clusters(self) -> dict[str, int]:
        """How many senders each cluster has that is named in `expected_senders`."""
        return read.expected_senders(self.expected_senders)

    @property
    def is_open(self) -> bool:
        """Whether everybody who reaches the pages may read: in a trial that only this machine reaches."""
        return self.is_development and self.http_host in LOOPBACK and not self.auth_proxy_secret

    @property
    def may_pages_write(self) -> bool:
        """Whether what a page changes can be stored: a SQLite file is written by one process, the one that receives."""
        return bool(self.db_host) or not self.ui_port

    @property
    def offers_samples(self) -> bool:
        """Whether a page may load the sample events."""
        return self.is_development and self.may_pages_write

    @property
    def is_development(self) -> bool:
        """Whether this is somebody's trial on his own machine."""
        return self.environment == "development"

    @classmethod
    def from_env(cls, environ: Mapping[str, str], is_serving: bool = True) -> "Config":
        """Read the settings from a mapping of environment variables; what only a server needs is asked of a server.

        Raises ConfigError with every problem in one message.
        """
        values: dict[str, Any] = {}
        problems: list[str] = []
        for setting in fields(cls):
            try:
                raw = _raw_value(setting.name.upper(), environ, secret=setting.metadata["secret"])
                if raw is not None:
                    values[setting.name] = setting.metadata["parse"](raw)
            except ValueError as error:
                problems.append(_blame(setting.name.upper(), environ, error, setting.metadata["secret"]))
        config = cls(**values)
        try:
            if is_serving:
                config.check_serving()
        except ConfigError as error:
            problems.append(str(error))
        if problems:
            raise ConfigError("\n".join(problems))
        return config


def _blame(name: str, environ: Mapping[str, str], error: ValueError, secret: bool) -> str:
    """Name the setting and what is wrong with it; a secret's value is not repeated."""
    if secret:
        return str(error) if str(error).startswith(name) else f"{name} {error}"
    return f"{name}={environ.get(name, '')!r} {error}"


def _raw_value(name: str, environ: Mapping[str, str], *, secret: bool) -> str | None:
    """Give the variable's text, or its file's for a secret; None when it is not set or empty."""
    raw = environ.get(name, "")
    path = environ.get(f"{name}_FILE", "") if secret else ""
    if raw and path:
        raise ValueError(f"{name} and {name}_FILE are both set; keep one")
    if not path:
        return raw or None
    try:
        return Path(path).read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{name}_FILE={path!r} cannot be read: {error}") from error


def unknown_names(dotenv: Mapping[str, str]) -> list[str]:
    """Say of each name in a ``.env`` file that is no setting which one may have been meant."""
    known = [setting.name.upper() for setting in fields(Config)]
    known += [f"{setting.name.upper()}_FILE" for setting in fields(Config) if setting.metadata["secret"]]
    warnings = []
    for name in dotenv.keys() - set(known):
        near = difflib.get_close_matches(name, known, n=1)
        warnings.append(f".env: {name} is not a setting" + (f"; did you mean {near[0]}?" if near else ""))
    return sorted(warnings)


def load(dotenv: Path = Path(".env"), is_serving: bool = True) -> tuple[Config, list[str]]:
    """Read the environment over the ``.env`` file; give the settings and warnings about unknown names."""
    from_file = read.read_dotenv(dotenv)
    return Config.from_env({**from_file, **os.environ}, is_serving), unknown_names(from_file)
