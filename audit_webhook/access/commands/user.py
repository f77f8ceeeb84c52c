"""``audit-webhook user add|passwd|list|remove``."""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path
from typing import Final

from audit_webhook import command_line
from audit_webhook.access.passwords import hash_password
from audit_webhook.access.users import NO_PASSWORD, User, UsersFile
from audit_webhook.context import now
from audit_webhook.errors import ConfigError
from audit_webhook.storage.scope import ANY, ROLES, Scope, check_name, read_places, read_role, write_places

HELP: Final = "add, change, list and remove users"
NO: Final = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take an action and a user."""
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")
    add = actions.add_parser("add", help="add a user, or change what one may see")
    add.add_argument("--role", choices=ROLES, default="viewer")
    add.add_argument("--clusters", default=ANY, help="names with commas between them; all when left out")
    add.add_argument("--namespaces", default=ANY, help="names with commas between them; all when left out")
    add.add_argument(
        "--no-password", action="store_true",
        help=f"let the authenticating proxy sign the user in; {ANY} is everybody else",
    )
    passwd = actions.add_parser("passwd", help="change a password, and end the user's sessions and API tokens")
    actions.add_parser("list", help="list the users")
    remove = actions.add_parser("remove", help="remove a user; sessions and API tokens are void at once")
    for each in (add, passwd, remove):
        each.add_argument("name")
    for each in (add, passwd):
        each.add_argument("--password-stdin", action="store_true", help="read the password from the standard input")


def run(chosen: argparse.Namespace) -> int:
    """Change the file of users; 1 when there is no such user."""
    file = UsersFile(Path(command_line.load_settings().ui_users_file))
    try:
        if chosen.action == "list":
            return _list(file)
        password = _ask_password(chosen, file.users().get(chosen.name))
        file.change(lambda users: _edit(users, chosen, password))
    except ValueError as error:
        raise ConfigError(str(error)) from error
    except LookupError:
        print(f"there is no user {chosen.name!r} in {file.path}", file=sys.stderr)
        return NO
    print(f"{file.path}: {chosen.name} {_DONE[chosen.action]}")
    return 0


def _ask_password(chosen: argparse.Namespace, known: User | None) -> str:
    """Return what is kept of a new password, empty when none is needed; asked before the file is locked."""
    if chosen.action == "remove" or (chosen.action == "passwd" and known is None):
        return ""
    if chosen.action == "add":
        _check(chosen)
        if chosen.no_password:
            return NO_PASSWORD
        if known is not None and known.has_password and not chosen.password_stdin:
            return ""
    return _password(chosen)


def _edit(users: dict[str, User], chosen: argparse.Namespace, password: str) -> None:
    """Make the change to the users as they are now; raises LookupError when there is no such user."""
    known = users.get(chosen.name)
    if chosen.action == "add":
        users[chosen.name] = _user(chosen, known, password)
    elif known is None:
        raise LookupError(chosen.name)
    elif chosen.action == "passwd":
        users[chosen.name] = known._replace(password=password, changed=_later(known))
    else:
        del users[chosen.name]


_DONE: Final = {
    "add": "added",
    "passwd": "password changed; earlier sessions and API tokens are void",
    "remove": "removed; sessions and API tokens are void",
}


def _check(chosen: argparse.Namespace) -> Scope:
    """Return the scope that the arguments give; raises ValueError for what no line may hold."""
    check_name(chosen.name)
    if chosen.name == ANY and not chosen.no_password:
        raise ValueError(f"{ANY} stands for everybody whom the proxy lets in: give --no-password")
    return Scope(read_places(chosen.clusters), read_places(chosen.namespaces))


def _user(chosen: argparse.Namespace, known: User | None, password: str) -> User:
    """Return the user as the arguments want it; a password that is there stays, and with it what is logged in."""
    scope, role = _check(chosen), read_role(chosen.role)
    if password:
        return User(chosen.name, role, scope, _later(known), password)
    if known is None:
        raise ValueError(f"{chosen.name} was removed meanwhile: run the command again")
    return known._replace(role=role, scope=scope)


def _later(known: User | None) -> int:
    """Return a time at which all older sessions and API tokens are void, also when the clock was set back."""
    return max(now(), known.changed + 1 if known is not None else 0)


def _password(chosen: argparse.Namespace) -> str:
    if chosen.password_stdin:
        return hash_password(sys.stdin.readline().rstrip("\n"))
    first = getpass.getpass("Password: ")
    if getpass.getpass("The same again: ") != first:
        raise ValueError("Passwords differ.")
    return hash_password(first)


def _list(file: UsersFile) -> int:
    for user in sorted(file.users().values()):
        places = f"clusters {write_places(user.scope.clusters)}, namespaces {write_places(user.scope.namespaces)}"
        print(f"{user.name}  {user.role}  {places}  {'password' if user.has_password else 'proxy'}")
    return 0
