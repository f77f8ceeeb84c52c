"""The key that binds what readers hold to this installation; it never lies in the database."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import secrets
from pathlib import Path
from typing import Final

from audit_webhook.config import Config
from audit_webhook.errors import KeyUnusable
from audit_webhook.storage.keys import make_or_read_keys

logger: Final = logging.getLogger(__name__)

KEY_BYTES: Final = 32


class AccessKey:
    """A secret of 32 bytes from which a key for each purpose is derived."""

    def __init__(self, secret: bytes) -> None:
        """Keep the secret."""
        self._secret: Final = secret

    def derive(self, purpose: str) -> bytes:
        """Return the 32 bytes of the key for one purpose; keys of different purposes tell nothing of each other."""
        return hmac.new(self._secret, purpose.encode(), hashlib.sha256).digest()


def open_access_key(config: Config) -> AccessKey:
    """Return the key of an installation: from SECRET_KEY, else from the evidence key, else from a file of its own.

    All processes and replicas with the same settings and files derive the same key. When no key can be read or made,
    one is drawn for this process alone, and the log says so: every login then ends with the process. An open trial has
    nothing to protect and needs no file.
    """
    if config.is_open:
        return _from(b"everybody may read")
    if config.secret_key:
        return _from(config.secret_key.encode())
    try:
        if config.evidence_key_file:
            signer = make_or_read_keys(Path(config.evidence_key_file)).signer
            if signer is not None:
                return _from(signer.private_bytes_raw())
        return _from(_make_or_read(_file_beside(Path(config.ui_users_file))))
    except (KeyUnusable, OSError) as error:
        logger.error("readers are logged out when this process ends: no key for their sessions: %s", error)
        return _from(secrets.token_bytes(KEY_BYTES))


def _from(secret: bytes) -> AccessKey:
    return AccessKey(hashlib.sha256(b"audit-webhook access key\0" + secret).digest())


def _file_beside(users: Path) -> Path:
    return users.with_name(f"{users.name}.key")


def _make_or_read(path: Path) -> bytes:
    """Return the key of a file, which is made for its owner alone when it is missing; raises OSError.

    Of several processes that make it at once one wins, and all read the same.
    """
    if not path.exists():
        fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_hex(KEY_BYTES).encode())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    content = path.read_bytes().strip()
    if len(content) < KEY_BYTES:
        raise OSError(f"the key file {str(path)!r} is too short")
    return content
