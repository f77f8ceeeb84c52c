"""Who may read: local users with sessions, an authenticating proxy, API tokens, and the open trial.

Cookies and tokens are random; only their hashes are stored. What a user may see is looked up with each request, so that
a line that is changed or taken out of the file of users counts at once.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import logging
import secrets
from typing import Final, NamedTuple

from audit_webhook.access.keys import AccessKey
from audit_webhook.access.login_limits import LoginLimits
from audit_webhook.access.passwords import UNKNOWN, is_password
from audit_webhook.access.row_macs import RowSigner
from audit_webhook.access.users import User, UsersFile
from audit_webhook.config import Config
from audit_webhook.errors import Forbidden, InvalidParameter, Unauthenticated
from audit_webhook.storage.access_store import AccessStore, Session, Token
from audit_webhook.storage.scope import ANY, EVERYWHERE, Reader, Way

logger: Final = logging.getLogger(__name__)

HOUR: Final = 3600 * 1_000_000
SESSION_IDLE: Final = 2 * HOUR
SESSION_LENGTH: Final = 12 * HOUR
TOUCH_EVERY: Final = 60 * 1_000_000
TOKEN_DAYS: Final = (30, 90, 365)
TOKENS_EACH: Final = 20
TOKEN_PREFIX: Final = "audit_"
FIRST_USER: Final = "on the server, run: audit-webhook user add NAME --role admin"
WRONG: Final = "The name or the password is wrong."
OPEN_READER: Final = Reader("development", "admin", EVERYWHERE, "open")


class Presented(NamedTuple):
    """What a request shows of its sender; the cookie is the one that belongs to its transport.

    ``peer`` is the other end of the connection, ``address`` that of the reader, who may be behind a trusted proxy.
    """

    peer: str
    authorization: str = ""
    cookie: str = ""
    is_secure: bool = False
    proxy_user: str = ""
    proxy_secret: str = ""
    address: str = ""
    device: str = ""


class Readers:
    """Tells who a request comes from, and lets readers in and out."""

    def __init__(self, config: Config, users: UsersFile, store: AccessStore, key: AccessKey) -> None:
        """Use the users of a file; the settings say whether a proxy's word counts, and whether all is open."""
        self.store: Final = store
        self._signer: Final = RowSigner(key)
        self.limits: Final = LoginLimits(store, key)
        self.users: Final = users
        self.is_open: Final = config.is_open
        self._proxy_secret: Final = config.auth_proxy_secret.encode()
        self._proxy_peers: Final = [ipaddress.ip_network(peer.strip()) for peer in config.auth_proxy_peers.split(",")
                                    if peer.strip()]

    def has_a_way_in(self) -> bool:
        """Whether anybody at all could be let in."""
        return self.is_open or bool(self.users.users())

    def identify(self, shown: Presented, now: int) -> Reader | None:
        """Give the reader behind a request; None when it shows nothing that counts.

        Raises Unauthenticated for a token that is not valid, Forbidden for a proxy's user who has no rights here.
        """
        if self.is_open:
            return OPEN_READER
        if TOKEN_PREFIX in shown.authorization:
            return self._of_token(shown.authorization, now)
        if self._proxy_secret and shown.proxy_user and self._is_proxy(shown):
            return self._of_proxy(shown.proxy_user)
        return self._of_session(shown, now) if shown.cookie else None

    def _of_token(self, authorization: str, now: int) -> Reader:
        scheme, _, value = authorization.partition(" ")
        token = self.store.find_token(hash_of(value.strip())) if scheme.lower() == "bearer" else None
        user = self._user_of(token.username) if token and now < token.ends else None
        if token is None or user is None or token.made < user.changed or not self._signer.has_signed_token(token):
            raise Unauthenticated("the API token is not valid: it was revoked, has ended, or never was")
        if now - token.used >= TOUCH_EVERY:
            self.store.touch_token(token.id, now)
        return Reader(token.username, "viewer", user.scope, "token")

    def _is_proxy(self, shown: Presented) -> bool:
        """Whether the word on who the user is comes from the proxy: by its address and by the secret, both."""
        try:
            peer = ipaddress.ip_address(shown.peer)
        except ValueError:
            return False
        is_known = any(peer in network for network in self._proxy_peers)
        secret = shown.proxy_secret.encode("latin-1", "replace")
        return hmac.compare_digest(hash_bytes(secret), hash_bytes(self._proxy_secret)) and is_known

    def _of_proxy(self, name: str) -> Reader:
        user = self._user_of(name) or self._user_of(ANY)
        if user is None:
            raise Forbidden(
                f"The proxy says that you are {name[:64]!r}, who has no rights here. An administrator gives them with: "
                "audit-webhook user add NAME --no-password"
            )
        return _reader(name, user, "proxy", self._form_token(self._proxy_secret, name))

    def _of_session(self, shown: Presented, now: int) -> Reader | None:
        session = self.store.find_session(hash_of(shown.cookie))
        if session is None or session.is_secure != shown.is_secure or not _is_fresh(session, now):
            return None
        if not self._signer.has_signed_session(session):
            return None
        user = self._user_of(session.username)
        if user is None or not user.has_password or session.made < user.changed:
            return None
        if now - session.seen >= TOUCH_EVERY:
            self.store.touch_session(session.id, now)
        return _reader(session.username, user, "session", self._form_token(shown.cookie.encode(), session.username))

    def _user_of(self, name: str) -> User | None:
        """Give a user's line; nobody has one while the file cannot be read."""
        try:
            return self.users.users().get(name)
        except OSError as error:
            logger.error("the file of users cannot be read, nobody is let in: %s", error)
            return None

    def log_in(self, name: str, password: str, shown: Presented, now: int) -> str:
        """Begin a session and give its cookie's value; raises Unauthenticated and TooManyTries."""
        address = shown.address or shown.peer
        self._check_password(name, password, address, shown.device, now)
        cookie = secrets.token_urlsafe(32)
        self.store.delete_old_sessions(now - SESSION_LENGTH, now - SESSION_IDLE)
        if shown.cookie:
            self.store.delete_session(hash_of(shown.cookie))
        session = Session(hash_of(cookie), name, shown.is_secure, now, now, address[:64])
        self.store.insert_session(self._signer.sign_session(session))
        logger.info("%s logged in from %s", name, address)
        return cookie

    def _check_password(self, name: str, password: str, address: str, device: str, now: int) -> None:
        with self.limits.attempt(name, address, device, now):
            user = self._user_of(name)
            kept = user.password if user is not None and user.has_password else UNKNOWN
            is_right = is_password(password, kept)
        if not is_right:
            logger.warning("a login from %s failed", address)
            raise Unauthenticated(WRONG)
        self.limits.forgive(name, address, device)

    def log_out(self, cookie: str) -> None:
        """End the session of a cookie."""
        self.store.delete_session(hash_of(cookie))

    def issue_token(self, reader: Reader, label: str, days: int, now: int) -> str:
        """Make an API token with a reader's own scope, to be shown once; raises InvalidParameter."""
        if reader.way not in ("session", "proxy") or self._user_of(reader.name) is None:
            raise Forbidden("Tokens are made by somebody who is logged in and has a line of his own in the users file.")
        if not label.strip() or len(label.encode()) > 64 or days not in TOKEN_DAYS:
            raise InvalidParameter("A token has a name of 1 to 64 bytes and one of the durations offered.")
        own = [token for token in self.store.tokens() if token.username == reader.name and token.ends > now]
        if len(own) >= TOKENS_EACH:
            raise InvalidParameter(f"Nobody has more than {TOKENS_EACH} tokens: revoke one first.")
        text = TOKEN_PREFIX + secrets.token_urlsafe(32)
        token = Token(hash_of(text), reader.name, label.strip(), now, now + days * 24 * HOUR, 0)
        self.store.insert_token(self._signer.sign_token(token))
        logger.info("%s made an API token", reader.name)
        return text

    def tokens_for(self, reader: Reader) -> list[Token]:
        """Give the reader's own tokens; everybody's to an administrator."""
        return [token for token in self.store.tokens() if reader.may("admin") or token.username == reader.name]

    def revoke_token(self, reader: Reader, identifier: str) -> None:
        """Make a token void, if it is the reader's own or he is an administrator; else nothing happens."""
        for token in self.tokens_for(reader):
            if token.id.hex() == identifier:
                self.store.delete_token(token.id)

    def revoke_session(self, identifier: str) -> None:
        """End a session by the hash of its cookie."""
        for session in self.store.sessions():
            if session.id.hex() == identifier:
                self.store.delete_session(session.id)

    @staticmethod
    def _form_token(key: bytes, name: str) -> str:
        """Give what the forms of a reader's pages carry: another site cannot know it."""
        return hmac.new(key, b"form\0" + name.encode(), hashlib.sha256).hexdigest()


def may_write(reader: Reader, form_token: str) -> bool:
    """Whether a request that changes something carries what only our own pages carry."""
    return reader.way == "open" or hmac.compare_digest(
        form_token.encode("utf-8", "replace"), reader.form_token.encode()
    ) and bool(reader.form_token)


def is_from_own_page(site: str | None, origin: str, host: str) -> bool:
    """Whether the browser says that a page of this server sent the request, which SameSite cookies cannot say.

    ``site`` is the header Sec-Fetch-Site. The rule is that of Go 1.25's net/http.CrossOriginProtection, but that a
    request without both headers is refused: every browser of today sends one of them with a form.
    """
    if site is not None:
        return site in ("same-origin", "none")
    return origin.partition("://")[2] == host


def hash_of(text: str) -> bytes:
    """Give the hash under which a cookie or token is kept."""
    return hash_bytes(text.encode("utf-8", "replace"))


def hash_bytes(value: bytes) -> bytes:
    """Give the SHA-256 of a value, so that values are compared in a time that does not depend on them."""
    return hashlib.sha256(value).digest()


def _is_fresh(session: Session, now: int) -> bool:
    return now - session.made < SESSION_LENGTH and now - session.seen < SESSION_IDLE


def _reader(name: str, user: User, way: Way, form_token: str) -> Reader:
    return Reader(name, user.role, user.scope, way, form_token)
