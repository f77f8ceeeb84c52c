"""Opens the store for a command that reads what is there, and says what to do where nothing is."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from audit_webhook.config import Config
from audit_webhook.errors import StoreMisconfigured
from audit_webhook.repository import Repository, open_repository
from audit_webhook.schema import missing_steps

_ADVICE: Final = "run `audit-webhook migrate`, or start the server"


def open_prepared(config: Config) -> Repository:
    """Open the store of the settings; raises StoreMisconfigured when its tables are not those of this version."""
    if not config.db_host and not Path(config.db_path).exists():
        raise StoreMisconfigured(f"there is no database {config.db_path!r}: {_ADVICE}")
    repository = open_repository(config)
    try:
        _check(repository)
    except BaseException:
        repository.close()
        raise
    return repository


def _check(repository: Repository) -> None:
    if missing_steps(repository.database):
        raise StoreMisconfigured(f"the database has no tables yet: {_ADVICE}")
