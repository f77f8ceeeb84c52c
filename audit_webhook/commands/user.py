"""``audit-webhook user add|passwd|list|remove``."""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path
from typing import Final

from audit_webhook.commands import settings
from audit_webhook.errors import ConfigError
from audit_webhook.passwords import hash_password
from audit_webhook.reader import ANY, ROLES, Scope, check_name, read_places, read_role, write_places
from audit_webhook.users import NO_PASSWORD, User, UsersFile
from audit_webhook.wiring import now

HELP: Final = "add, change, list and remove those who may read"
NO: Final = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take an action and a user."""
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")
    add = actions.add_parser("add", help="add a user, or change what one may see")
    add.add_argument("--role", choices=ROLES, default="viewer")
    add.add_argument("--clusters", default=ANY, help="names with commas between them; all when left out")
    add.add_argument("--namespaces", default=ANY, help="names with commas between them; all when left out")
    add.add_argument("--no-password", action="store_true", help=f"let the proxy's word count; {ANY} is everybody else")
    passwd = actions.add_parser("passwd", help="change a password, and end the user's sessions and API tokens")
    actions.add_parser("list", help="list the users")
    remove = actions.add_parser("remove", help="remove a user; sessions and API tokens are void at once")
    for each in (add, passwd, remove):
        each.add_argument("name")
    for each in (add, passwd):
        each.add_argument("--password-stdin", action="store_true", help="read the password from the standard input")


def run(chosen: argparse.Namespace) -> int:
    """Change the file of users; 1 when there is no such user."""
    file = UsersFile(Path(settings.load().ui_users_file))
    try:
        if chosen.action == "list":
            return _list(file)
        users = dict(file.users())
        if chosen.action == "add":
            users[chosen.name] = _user(chosen, users.get(chosen.name))
        elif chosen.name not in users:
            print(f"there is no user {chosen.name!r} in {file.path}", file=sys.stderr)
            return NO
        elif chosen.action == "passwd":
            users[chosen.name] = users[chosen.name]._replace(password=_password(chosen), changed=now())
        else:
            del users[chosen.name]
        file.write(users.values())
    except ValueError as error:
        raise ConfigError(str(error)) from error
    print(f"{file.path}: {chosen.name} {_DONE[chosen.action]}")
    return 0


_DONE: Final = {
    "add": "may read now",
    "passwd": "has a new password; sessions and API tokens from before are void",
    "remove": "is removed; sessions and API tokens are void",
}


def _user(chosen: argparse.Namespace, known: User | None) -> User:
    """Give the user as the arguments want him; a password that is there stays, and with it what is logged in."""
    scope = Scope(read_places(chosen.clusters), read_places(chosen.namespaces))
    if chosen.name == ANY and not chosen.no_password:
        raise ValueError(f"{ANY} stands for everybody whom the proxy lets in: give --no-password")
    if chosen.no_password:
        return User(check_name(chosen.name), read_role(chosen.role), scope, now(), NO_PASSWORD)
    if known is not None and known.has_password and not chosen.password_stdin:
        return known._replace(role=read_role(chosen.role), scope=scope)
    return User(check_name(chosen.name), read_role(chosen.role), scope, now(), _password(chosen))


def _password(chosen: argparse.Namespace) -> str:
    if chosen.password_stdin:
        return hash_password(sys.stdin.readline().rstrip("\n"))
    first = getpass.getpass("Password: ")
    if getpass.getpass("The same again: ") != first:
        raise ValueError("the two are not the same")
    return hash_password(first)


def _list(file: UsersFile) -> int:
    for user in sorted(file.users().values()):
        places = f"clusters {write_places(user.scope.clusters)}, namespaces {write_places(user.scope.namespaces)}"
        print(f"{user.name}  {user.role}  {places}  {'password' if user.has_password else 'proxy'}")
    return 0
