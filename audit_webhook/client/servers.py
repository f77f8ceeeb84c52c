"""The servers that a user logged in to, with their tokens: a file that only its owner can read."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from audit_webhook.client.environment import configuration_folder
from audit_webhook.client.errors import ClientError

FILE: Final = "servers.json"
DEFAULT: Final = "default"
LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class Server(NamedTuple):
    """A server: its address, the API token, and a file of certificates that vouch for it (empty: the system's)."""

    url: str
    token: str
    ca_file: str = ""


class Settings(NamedTuple):
    """All that is remembered: servers by name, the one that is used, and the cluster behind each kubectl context."""

    servers: dict[str, Server]
    current: str
    clusters: dict[str, str]


def read_settings(folder: Path | None = None) -> Settings:
    """Return what was remembered, nothing when there is no file; raises ClientError for a file that is damaged."""
    path = (folder or configuration_folder()) / FILE
    try:
        found: Any = json.loads(path.read_text("utf-8"))
        servers = {name: Server(**server) for name, server in found["servers"].items()}
        return Settings(servers, str(found["current"]), dict(found["clusters"]))
    except FileNotFoundError:
        return Settings({}, DEFAULT, {})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ClientError(f"{path} cannot be read ({type(error).__name__}): remove it and log in again") from error


def write_settings(settings: Settings, folder: Path | None = None) -> Path:
    """Write what is to be remembered, readable by its owner alone, in one step; return the path."""
    folder = folder or configuration_folder()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    document = {**settings._asdict(), "servers": {name: each._asdict() for name, each in settings.servers.items()}}
    handle, name = tempfile.mkstemp(dir=folder)  # mkstemp makes it 0600
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=2)
    os.replace(name, folder / FILE)
    return folder / FILE


def check_url(url: str) -> str:
    """Return an address without a slash at its end; raises ClientError for one that a token must not be sent to."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ClientError(f"{url!r} is no address of a server: use one such as https://audit.example.com")
    if parts.scheme == "http" and parts.hostname not in LOCAL_HOSTS:
        raise ClientError("a token must not be sent in the clear: use https://")
    return url.rstrip("/")
