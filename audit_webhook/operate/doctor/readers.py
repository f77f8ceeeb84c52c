"""Who may read: the file of users."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from audit_webhook.access.authentication import FIRST_USER, HOUR
from audit_webhook.access.users import read_users
from audit_webhook.config import Config
from audit_webhook.operate.doctor.finding import Finding, fail, ok, warn
from audit_webhook.storage.access_store import AccessStore

CHECK: Final = "readers"
ENDING_SOON: Final = 7 * 24 * HOUR


def check_readers(config: Config) -> Iterator[Finding]:
    """Look at the lines of the file of users."""
    if config.is_open:
        yield ok(CHECK, "whoever reaches the pages may read, as in every trial on one machine")
        return
    path = Path(config.ui_users_file)
    try:
        users, problems = read_users(path)
    except FileNotFoundError:
        yield warn(CHECK, f"{path} is not there: nobody can read", FIRST_USER)
        return
    except OSError as error:
        yield fail(CHECK, f"{path} cannot be read: {error}", "let the service's user read it")
        return
    yield from (fail(CHECK, each, "correct the line, or add the user anew") for each in problems)
    if not any(user.role == "admin" for user in users.values()):
        yield warn(CHECK, f"none of {len(users)} users is an administrator, who sees what is read", FIRST_USER)
    else:
        yield ok(CHECK, f"{len(users)} users may read")


def check_api_tokens(store: AccessStore, now: int) -> Iterator[Finding]:
    """Tell which API tokens end soon; ``now`` is in microseconds."""
    tokens = [token for token in store.tokens() if token.ends > now]
    ending = [f"{token.label!r} of {token.username}" for token in tokens if token.ends < now + ENDING_SOON]
    if ending:
        yield warn("API tokens", f"within a week end: {', '.join(ending)}", "make new ones at /account")
    else:
        yield ok("API tokens", f"{len(tokens)} are valid, none ends within a week")
