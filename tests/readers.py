"""Readers for tests: users with a cheap password hash, and clients that are logged in as them."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Final

from flask import Flask
from flask.testing import FlaskClient

from audit_webhook.access.users import User, UsersFile
from audit_webhook.context import context_of
from audit_webhook.storage.scope import EVERYWHERE, Role, Scope

PASSWORD: Final = "correct-horse-battery"
FORM: Final = {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}
_FORM_TOKEN: Final = re.compile(r'name="form_token" value="([0-9a-f]{64})"')


@cache
def kept_password() -> str:
    """Hash the one password of the tests, at a cost that makes many logins quick."""
    salt = b"salt" * 4
    digest = hashlib.scrypt(PASSWORD.encode(), salt=salt, n=2, r=8, p=1, dklen=32)
    return "$".join(("scrypt", "2", "8", "1", base64.b64encode(salt).decode(), base64.b64encode(digest).decode()))


def add_user(path: Path, name: str, role: Role = "viewer", scope: Scope = EVERYWHERE, password: str = "") -> None:
    """Write a user beside those that are in the file."""
    file = UsersFile(path)
    file.write([*file.users().values(), User(name, role, scope, 0, password or kept_password())])


def log_in(client: FlaskClient, name: str, password: str = PASSWORD, **headers: str) -> int:
    """Log in with the form, and give the answer's status."""
    data = {"name": name, "password": password}
    return client.post("/login", data=data, headers={**FORM, **headers}).status_code


def logged_in(app: Flask, name: str = "root", role: Role = "admin", scope: Scope = EVERYWHERE) -> FlaskClient:
    """Give a client that is logged in as a new user."""
    add_user(context_of(app).readers.users.path, name, role, scope)
    client = app.test_client()
    assert log_in(client, name) == 303
    return client


def form_token(client: FlaskClient) -> str:
    """Give what the forms of a logged-in client's pages carry."""
    found = _FORM_TOKEN.search(client.get("/account").get_data(as_text=True))
    assert found is not None
    return found[1]
