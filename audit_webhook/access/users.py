"""The file of users: a line ``name:role:clusters:namespaces:changed:password`` each, read again when it changes.

``changed`` is the time in microseconds of the last change to the password; sessions and tokens from before it are void.
A ``-`` in place of the password is a user whom only the authenticating proxy lets in; the name ``*`` stands for
everybody whom it lets in and who has no line of his own.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple

from audit_webhook.storage.scope import ANY, Role, Scope, check_name, read_places, read_role, write_places

logger: Final = logging.getLogger(__name__)

NO_PASSWORD: Final = "-"
_HEAD: Final = "# Written by audit-webhook user; name:role:clusters:namespaces:changed:password\n"


class User(NamedTuple):
    """A user's line."""

    name: str
    role: Role
    scope: Scope
    changed: int
    password: str

    @property
    def has_password(self) -> bool:
        """Whether the user logs in here, and not at the proxy alone."""
        return self.password != NO_PASSWORD


class UsersFile:
    """The users of a file; a file that is missing holds none."""

    def __init__(self, path: Path) -> None:
        """Read from this path, when asked first."""
        self.path: Final = path
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._users: dict[str, User] = {}

    def users(self) -> dict[str, User]:
        """Give the users by name; OSError when the file is there and cannot be read."""
        with self._lock:
            try:
                status = self.path.stat()
            except FileNotFoundError:
                self._seen, self._users = None, {}
                return self._users
            seen = (status.st_mtime_ns, status.st_size, status.st_ino)
            if seen != self._seen:
                self._users, problems = read_users(self.path)
                self._seen = seen
                for problem in problems:
                    logger.error("%s", problem)
            return self._users

    def change(self, edit: Callable[[dict[str, User]], None]) -> None:
        """Change the users while no other process does; ``edit`` gets those in the file at that moment.

        What ``edit`` raises leaves the file as it was. The lock lies beside the file, which is replaced as a whole.
        """
        lock = os.open(self.path.with_name(f".{self.path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            users = read_users(self.path)[0] if self.path.exists() else {}
            edit(users)
            self.write(users.values())
        finally:
            os.close(lock)

    def write(self, users: Iterable[User]) -> None:
        """Put these users in the place of all, at once or not at all; only the owner may read the file."""
        fresh = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(handle, "w", encoding="utf-8") as file:
            file.write(_HEAD)
            file.writelines(_line(user) for user in sorted(users))
            file.flush()
            os.fsync(handle)
        os.replace(fresh, self.path)


def read_users(path: Path) -> tuple[dict[str, User], list[str]]:
    """Give the users by name, and what is wrong with each line that lets nobody in; raises OSError."""
    users: dict[str, User] = {}
    problems: list[str] = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            user = _parse(line.strip())
        except ValueError as error:
            problems.append(f"{path}, line {number} lets nobody in: {error}")
        else:
            users[user.name] = user
    return users, problems


def _parse(line: str) -> User:
    parts = line.split(":")
    if len(parts) != 6:
        raise ValueError("it does not have six parts")
    name, role, clusters, namespaces, changed, password = parts
    scope = Scope(read_places(clusters), read_places(namespaces))
    if name == ANY and password != NO_PASSWORD:
        raise ValueError("everybody cannot have one password")
    return User(check_name(name), read_role(role), scope, int(changed), password)


def _line(user: User) -> str:
    places = map(write_places, user.scope)
    return ":".join((user.name, user.role, *places, str(user.changed), user.password)) + "\n"
