"""Refuses versions of libraries that were not tried.

The server builds on parts of waitress, and the database connection on parts of PyMySQL, that their authors do not
promise to keep: a release that changed one of them could drop a limit, or mix answers up, without a word.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

from audit_webhook.errors import ConfigError

TRIED: Final = {"waitress": ("3.0.",), "pymysql": ("1.1.", "1.2.")}
"""What an accepted version begins with; setup.cfg names the same."""


def check_versions() -> None:
    """Raise ConfigError when a library has a version that was not tried."""
    for library, prefixes in TRIED.items():
        found = version(library)
        if not found.startswith(prefixes):
            wanted = " or ".join(f"{prefix}*" for prefix in prefixes)
            raise ConfigError(f"{library} {found} was not tried with this program: install {wanted} (pip install .)")
