"""What can go wrong, in the words of the domain; ``web/errors.py`` says what HTTP makes of it."""

from __future__ import annotations

from typing import Any, Final


class AuditWebhookError(Exception):
    """The base of every error that this program raises on purpose.

    ``events`` is how many events the refused request held, when it was read that far, without those of the parts of a
    large batch that are kept all the same: their receipt and their bytes are ``kept`` and ``kept_bytes``.
    """

    events: int = 0
    kept: Any = None
    kept_bytes: int = 0


class ConfigError(AuditWebhookError):
    """The settings cannot be used; the message names every problem and what would be right."""


class InvalidCluster(AuditWebhookError):
    """The cluster's name is missing or is not 1-63 characters of ``[a-z0-9.-]``."""


class Unauthenticated(AuditWebhookError):
    """Nothing that came with the request says who sent it, or it is not valid."""


class Forbidden(AuditWebhookError):
    """We know who asks, and he may not do this."""


class TooManyTries(AuditWebhookError):
    """Too many logins went wrong; ``seconds`` is how long to wait."""

    def __init__(self, message: str, seconds: int) -> None:
        """Say how long to wait."""
        super().__init__(f"{message} Try again in {seconds} seconds.")
        self.seconds = seconds


class UnsupportedEncoding(AuditWebhookError):
    """The body is compressed; an apiserver never does that, and a bomb would."""


class BodyTooLarge(AuditWebhookError):
    """The body is larger than ``MAX_BODY_BYTES``."""


class Overloaded(AuditWebhookError):
    """More requests or bytes are being worked on than this process can carry; the same request may pass in seconds."""


class MalformedBatch(AuditWebhookError):
    """Nothing in the body looks like an audit event."""


class BodyCutOff(MalformedBatch):
    """The connection ended before the body did; its sender takes the batch for one that did not arrive."""


class InvalidParameter(AuditWebhookError):
    """A query parameter other than the search text is not usable, such as a cursor that was cut."""


class EventNotFound(AuditWebhookError):
    """There is no event with this id."""


class ServerBusy(AuditWebhookError):
    """As many such requests as may run at once run already; the same request will succeed later."""


class StoreUnavailable(AuditWebhookError):
    """The database cannot take or give anything now; the same request may succeed later."""


class DeadlineExceeded(StoreUnavailable):
    """The request has used up the time that it may take; the database may be slow, or there is too much to read."""


class StoreBusy(StoreUnavailable):
    """The transaction lost against another one (deadlock, lock wait, certification) and may be tried again at once."""


class SpoolUnavailable(StoreUnavailable):
    """The database is away, and the spool cannot take anything either: it is full, or its disk fails."""


class StoreMoved(StoreUnavailable):
    """The database file that is open is not the one of its name any more, or another server has it."""


class StoreMisconfigured(AuditWebhookError):
    """The database refuses for a reason that waiting does not cure: password, name, right, schema."""


class DuplicateKey(AuditWebhookError):
    """A row with this key is there already."""


class RowRefused(AuditWebhookError):
    """The database does not take a value of ours: a mistake of this program, never of the sender."""


class IdTaken(AuditWebhookError):
    """Another caller or another action holds the id of one of these; they need ids of their own."""


class KeyUnusable(AuditWebhookError):
    """The file of keys is missing, or what is in it cannot sign or check signatures."""


class HistoryRefused(AuditWebhookError):
    """What is stored does not continue what was signed; nothing is signed until a person has looked at it.

    ``kind`` and ``place`` are those of the finding that `audit-webhook verify` has of it.
    """

    def __init__(self, kind: str, place: str, message: str) -> None:
        """Name what is wrong, and where."""
        super().__init__(f"{place}: {message}")
        self.kind: Final = kind
        self.place: Final = place


class NoProof(AuditWebhookError):
    """Of this event nothing can be proved: no checkpoint was made since it was stored, or it has no seal."""
