"""The way to the database is encrypted and verified, with a real MariaDB that uses TLS."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from audit_webhook.config import Config
from audit_webhook.context import now
from audit_webhook.errors import ConfigError, StoreUnavailable
from audit_webhook.ingest.receive import receive
from audit_webhook.operate.doctor.finding import Finding
from audit_webhook.operate.doctor.server import judge_transport
from audit_webhook.storage import server_status as engine_state
from audit_webhook.storage.database import open_database
from audit_webhook.storage.repository import open_repository
from tests.conftest import development
from tests.factories import audit_event, event_list
from tests.mariadb import MariaDB

NAMES: Final = {"right": x509.IPAddress(ip_address("127.0.0.1")), "wrong": x509.DNSName("other.example")}


def certify(folder: Path, name: str, issuer: str = "", *alternatives: x509.GeneralName) -> None:
    """Write a key and its certificate, signed by an issuer's or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer, by = key, subject
    if issuer:
        loaded = serialization.load_pem_private_key((folder / f"{issuer}.key").read_bytes(), None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        signer, by = loaded, x509.load_pem_x509_certificate((folder / f"{issuer}.pem").read_bytes()).subject
    today = datetime.now(UTC)
    builder = x509.CertificateBuilder(by, subject, key.public_key(), x509.random_serial_number(),
                                      today - timedelta(days=1), today + timedelta(days=30))
    builder = builder.add_extension(x509.BasicConstraints(not issuer, None), True)
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), False)
    signed = builder.sign(signer, hashes.SHA256())
    (folder / f"{name}.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two authorities, and the certificates of servers with the right and a wrong name."""
    folder = tmp_path_factory.mktemp("certificates")
    for authority in ("ca", "other-ca"):
        certify(folder, authority)
    for name, alternative in NAMES.items():
        certify(folder, name, "ca", alternative)
    return folder


def started(folder: Path, certificates: Path, name: str) -> MariaDB:
    return MariaDB(folder, f"--ssl-cert={certificates / name}.pem", f"--ssl-key={certificates / name}.key",
                   f"--ssl-ca={certificates / 'ca'}.pem")


@pytest.fixture(scope="module", params=["right", "wrong"])
def server(
    request: pytest.FixtureRequest, certificates: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Config]]:
    """A server with TLS, whose certificate has the right or a wrong name, and the settings that lead to it."""
    with started(tmp_path_factory.mktemp("server"), certificates, request.param) as running:
        running.execute("CREATE DATABASE audit")
        yield request.param, development(**running.environment("audit"))


def cipher(config: Config) -> str:
    database = open_database(config, lambda: None)
    try:
        return engine_state.tls_cipher(database)
    finally:
        database.close()


def test_server_is_verified_by_certificate_and_name(server: tuple[str, Config], certificates: Path) -> None:
    name, config = server
    trusted = replace(config, db_ssl_ca=str(certificates / "ca.pem"))
    strange = replace(config, db_ssl_ca=str(certificates / "other-ca.pem"))
    assert cipher(replace(trusted, db_ssl_mode="verify_ca")) and cipher(replace(config, db_ssl_mode="required"))
    for refused in (strange, replace(strange, db_ssl_mode="verify_ca"), replace(config, db_ssl_mode="verify_ca")):
        with pytest.raises(StoreUnavailable, match="certificate verify failed"):
            cipher(refused)
    if name == "right":
        assert cipher(trusted) and cipher(replace(trusted, db_ssl_mode="verify_identity"))
    else:
        with pytest.raises(StoreUnavailable, match="certificate"):
            cipher(trusted)
    assert cipher(config) and not cipher(replace(config, db_ssl_mode="disabled"))


def test_batches_are_stored_and_read_over_verified_tls(server: tuple[str, Config], certificates: Path) -> None:
    config = replace(server[1], db_ssl_ca=str(certificates / "ca.pem"), db_ssl_mode="verify_ca")
    repository = open_repository(config)
    repository.migrate()
    assert receive(repository, "prod", event_list([audit_event() for _ in range(300)]), now()).stored == 300
    assert len(repository.contacts()) == 1
    repository.close()


@pytest.mark.parametrize("mode", ["required", "verify_ca", "verify_identity"])
def test_server_without_tls_gets_no_password(
    certificates: Path, tmp_path_factory: pytest.TempPathFactory, mode: str
) -> None:
    with MariaDB(tmp_path_factory.mktemp("plain"), "--skip-ssl") as running:
        running.execute("CREATE DATABASE audit")
        config = replace(development(**running.environment("audit")), db_ssl_ca=str(certificates / "ca.pem"))
        with pytest.raises(StoreUnavailable, match="SSL is required"):
            cipher(replace(config, db_ssl_mode=mode))
        assert cipher(replace(config, db_ssl_mode="preferred")) == ""


def test_settings_are_checked_at_the_start(certificates: Path, tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("no certificate")
    for wrong in ({"DB_SSL_CA": str(tmp_path / "no.pem")}, {"DB_SSL_CA": "/nowhere"}, {"DB_SSL_MODE": "yes"}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            development(**wrong)
    assert ssl.create_default_context(cafile=development(DB_SSL_CA=str(certificates / "ca.pem")).db_ssl_ca)


def test_doctor_says_how_a_remote_database_is_spoken_to(certificates: Path) -> None:
    def judged(cipher: str, host: str = "db.example", **settings: str) -> list[tuple[str, str]]:
        found: list[Finding] = [*judge_transport(development(DB_HOST=host, **settings), cipher)]
        return [(finding.status, finding.what) for finding in found]

    assert judged("")[0][0] == "warn" and "without TLS" in judged("")[0][1]
    assert judged("TLS_AES")[0][0] == "warn" and "not verified" in judged("TLS_AES")[0][1]
    assert judged("TLS_AES", DB_SSL_CA=str(certificates / "ca.pem"))[0][0] == "ok"
    assert judged("", "127.0.0.1") == judged("", "localhost:3307") == []
    assert judged("", "127.0.0.1,10.0.0.1")[0][0] == "warn"
