"""What can go wrong for a client, each with what to do about it."""

from __future__ import annotations


class ClientError(Exception):
    """The question could not be answered; the message says why and what to do."""


class NotFound(ClientError):
    """Nothing matches; the exit code says so."""
