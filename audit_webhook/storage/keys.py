"""The keys of checkpoints: Ed25519 (RFC 8032) in PEM blocks, as ``openssl genpkey -algorithm ed25519`` writes them.

A file may hold several blocks. The last private key signs; whatever else is in the file, public keys too, is trusted
when signatures are checked: so a key is exchanged by appending the new one.
"""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from audit_webhook.errors import KeyUnusable

_BLOCK: Final = re.compile(rb"-----BEGIN (PRIVATE|PUBLIC) KEY-----.*?-----END \1 KEY-----", re.DOTALL)


class Keys(NamedTuple):
    """The key that signs, if there is one, and the public keys that are trusted, by their 32 bytes."""

    signer: Ed25519PrivateKey | None
    trusted: dict[bytes, Ed25519PublicKey]

    @property
    def public(self) -> bytes:
        """Give the 32 bytes of the public key of the one that signs; empty when none does."""
        return self.signer.public_key().public_bytes_raw() if self.signer else b""

    def sign(self, message: bytes) -> bytes:
        """Give the 64 bytes of a signature; raises KeyUnusable."""
        if self.signer is None:
            raise KeyUnusable("there is no private key to sign with")
        return self.signer.sign(message)

    def has_signed(self, public: bytes, signature: bytes, message: bytes) -> bool:
        """Whether a trusted key, named by its public bytes, has signed this."""
        key = self.trusted.get(public)
        if key is None:
            return False
        try:
            key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


def read_keys(path: Path) -> Keys:
    """Read a file of keys; raises KeyUnusable."""
    try:
        return parse_keys(path.read_bytes())
    except OSError as error:
        raise KeyUnusable(f"the key file {str(path)!r} cannot be read: {error.strerror}") from error
    except KeyUnusable as error:
        raise KeyUnusable(f"the key file {str(path)!r} cannot be used: {error}") from error


def parse_keys(text: bytes) -> Keys:
    """Read PEM blocks; raises KeyUnusable, which never repeats what stands in them."""
    signer: Ed25519PrivateKey | None = None
    trusted: dict[bytes, Ed25519PublicKey] = {}
    for block in _BLOCK.finditer(text):
        try:
            key: object = (
                serialization.load_pem_private_key(block[0], None) if block[1] == b"PRIVATE"
                else serialization.load_pem_public_key(block[0])
            )
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise KeyUnusable(f"a block in it is no {block[1].decode().lower()} key") from error
        if isinstance(key, Ed25519PrivateKey):
            signer = key
            key = key.public_key()
        if not isinstance(key, Ed25519PublicKey):
            raise KeyUnusable("a key in it is not of the kind Ed25519")
        trusted[key.public_bytes_raw()] = key
    if not trusted:
        raise KeyUnusable("there is no PEM block of a key in it")
    return Keys(signer, trusted)


def make_or_read_keys(path: Path) -> Keys:
    """Read a file of keys that signs; it is made, for its owner alone, when it is not there. Raises KeyUnusable.

    Of several processes that make it at once, one wins, and all read the same.
    """
    if not path.exists():
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(_new_key())
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(temporary, path)
            except FileExistsError:
                pass
            finally:
                temporary.unlink()
        except OSError as error:
            raise KeyUnusable(f"the key file {str(path)!r} cannot be made: {error.strerror}") from error
    keys = read_keys(path)
    if keys.signer is None:
        raise KeyUnusable(f"the key file {str(path)!r} holds no private key")
    return keys


def _new_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_pem(public: bytes) -> str:
    """Write a public key as a PEM block."""
    key = Ed25519PublicKey.from_public_bytes(public)
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
