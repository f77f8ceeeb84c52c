"""E-mail and TLS: nothing is said before it is encrypted, to whom the certificate names, and no secret is repeated."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import pytest

from audit_webhook.alerts.notifications import mail
from audit_webhook.storage.repository import Repository
from tests.alerts.sink_server import Server, listening, mail_server
from tests.alerts.sink_story import Clock, Make, deliver, error_of, prepare, waiting, webhook, write_sinks


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """A certificate for localhost with its key, and what serves with it."""
    folder = tmp_path_factory.mktemp("certificate")
    subprocess.run([
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", str(folder / "key.pem"),
        "-out", str(folder / "cert.pem"),
    ], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return folder / "cert.pem", context


def mailbox(port: int, *more: str) -> str:
    """Return the table of an e-mail sink."""
    return "\n".join((
        'name = "mail"', 'kind = "email"', 'host = "localhost"', f"port = {port}", 'from = "audit@example.com"',
        'to = ["a@example.com", "b@example.com"]', *more,
    ))


@pytest.mark.parametrize("encryption", ["starttls", "tls"])
def test_mail_is_sent_encrypted_after_a_login(
    repository: Repository, make: Make, clock: Clock, tmp_path: Path, encryption: str,
    certificate: tuple[Path, ssl.SSLContext]
) -> None:
    cert, context = certificate
    with listening(mail_server(context, is_encrypted=encryption == "tls")) as server:
        login = ('username = "u"', 'password = "p4ss"', f'encryption = "{encryption}"', f'ca_file = "{cert}"')
        shelf = write_sinks(tmp_path, mailbox(server.port, *login))
        prepare(repository, clock, shelf)
        deliver(make(shelf))
        assert waiting(repository) == [], error_of(repository, "mail")
    text = next(each for each in server.received if b"Subject:" in each).decode()
    assert "Subject: [audit] High: secret-gone\r\n" in text and "https://audit.example.com/alerts/" in text
    assert server.received.count(b"rcpt TO:<b@example.com>") == 1
    words = [each.split()[0].upper() for each in server.received]
    assert words.index(b"AUTH") > (words.index(b"STARTTLS") if encryption == "starttls" else 0)


def test_mail_server_that_refuses_hangs_or_cannot_encrypt_is_a_failure_without_secrets(
    repository: Repository, make: Make, clock: Clock, tmp_path: Path, certificate: tuple[Path, ssl.SSLContext],
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(mail, "WHOLE_SECONDS", 0.5)
    cert, context = certificate
    login = ('username = "u"', 'password = "p4ss"', f'ca_file = "{cert}"')
    with (
        listening(mail_server(context, password_code=535)) as refusing, listening(mail_server()) as plain,
        listening(lambda server, opened: server.stopped.wait(30) and None) as silent,
    ):
        tables = [
            mailbox(server.port, *login).replace('"mail"', f'"{name}"')
            for name, server in (("refusing", refusing), ("plain", plain), ("silent", silent))
        ]
        shelf = write_sinks(tmp_path, *tables)
        prepare(repository, clock, shelf)
        deliver(make(shelf))
        errors = {name: error_of(repository, name) for name in ("refusing", "plain", "silent")}
    assert errors["refusing"] == "it refused the login (535)" and "does not offer" in errors["plain"]
    assert "did not end within" in errors["silent"]
    assert b"AUTH" not in b"".join(plain.received) and "AHUAcDRzcw" not in caplog.text and "p4ss" not in caplog.text


def test_connection_to_a_name_with_another_certificate_is_refused(
    repository: Repository, make: Make, clock: Clock, tmp_path: Path, certificate: tuple[Path, ssl.SSLContext]
) -> None:
    cert, context = certificate

    def talk(server: Server, opened: object) -> None:
        context.wrap_socket(opened, server_side=True).recv(1)  # type: ignore[arg-type]

    with listening(talk) as server:
        shelf = write_sinks(
            tmp_path, webhook("unknown", f"https://localhost:{server.port}/"),
            webhook("misnamed", f"https://127.0.0.1:{server.port}/", f'ca_file = "{cert}"'),
        )
        prepare(repository, clock, shelf)
        deliver(make(shelf))
    assert all("certificate is not valid" in error_of(repository, name) for name in ("unknown", "misnamed"))
