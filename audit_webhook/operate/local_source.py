"""Answers the verbs of the client from the database of this machine, by the same JSON interface, without a server."""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from urllib.parse import quote

from audit_webhook.access.recorded_reader import LOCAL_ACCOUNT
from audit_webhook.app import create_app
from audit_webhook.client.connection import Document, explain, read_document
from audit_webhook.command_line import open_prepared
from audit_webhook.config import Config


class LocalSource:
    """The pages' part of the application, asked in this process: whoever reads the database may read all of it.

    What an assistant reads for an account of this machine is recorded under the account's name, with another way than
    that of a reader who logs in.
    """

    url: Final = ""

    def __init__(self, config: Config, account: str = "") -> None:
        """Open the database, for the assistant of an account; raises StoreMisconfigured when it has no tables."""
        self._environ: Final = {LOCAL_ACCOUNT: account} if account else {}
        open_prepared(config).close()
        opened = replace(
            config, environment="development", http_host="127.0.0.1", auth_proxy_peers="", auth_proxy_user_header="",
            auth_proxy_secret_header="", auth_proxy_secret="", spool_dir="",
        )
        self._client = create_app(opened, "pages").test_client()

    def get(self, *path: str, **parameters: str | int | None) -> Document:
        """Return the answer of ``/api/v1/PATH``; raises ClientError, and NotFound for a 404."""
        given = {name: value for name, value in parameters.items() if value is not None and value != ""}
        address = f"/api/v1/{'/'.join(quote(part, safe='') for part in path)}"
        answer = self._client.get(
            address, query_string=given, base_url="http://localhost", environ_overrides=self._environ
        )
        if answer.status_code != 200:
            raise explain(answer.status_code, answer.get_data(), "the database of this machine")
        return read_document(answer.get_data())
