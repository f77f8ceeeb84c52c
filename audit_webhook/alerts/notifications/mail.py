"""Hands an e-mail to a mail server: one try, bounded in time, encrypted before anything secret is said."""

from __future__ import annotations

import smtplib
import socket
from email.message import EmailMessage
from typing import Final

from audit_webhook.alerts.notifications.connection import (
    CALL_SECONDS, WHOLE_SECONDS, DeliveryFailed, cut_after, reason_of, tls_context,
)
from audit_webhook.alerts.notifications.sink import Mail

LOCAL_NAME: Final = "audit-webhook"
"""What we call ourselves: the name of this machine is nobody's business, and to find it out may take long."""


class _Client(smtplib.SMTP):
    """Speaks over a connection that is there already."""

    def __init__(self, connection: socket.socket, host: str) -> None:
        self._given = connection
        super().__init__(host, local_hostname=LOCAL_NAME, timeout=CALL_SECONDS)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self._given


def send_mail(target: Mail, mail: EmailMessage) -> None:
    """Send an e-mail; raises DeliveryFailed."""
    try:
        plain = socket.create_connection((target.host, target.port), CALL_SECONDS)
        with plain, cut_after(plain, WHOLE_SECONDS) as cut:
            try:
                _speak(target, mail, plain)
            except (OSError, smtplib.SMTPException, ValueError) as error:
                if cut.is_done:
                    raise DeliveryFailed(f"it did not end within {WHOLE_SECONDS:g} seconds") from error
                raise
    except smtplib.SMTPException as error:
        raise DeliveryFailed(_reason(error)) from error
    except (OSError, ValueError) as error:
        raise DeliveryFailed(reason_of(error)) from error


def _speak(target: Mail, mail: EmailMessage, plain: socket.socket) -> None:
    connection = plain
    if target.encryption == "tls":
        connection = tls_context(target.ca_file).wrap_socket(plain, server_hostname=target.host)
    with _Client(connection, target.host) as client:
        if target.encryption == "starttls":
            client.starttls(context=tls_context(target.ca_file))
        if target.username:
            client.login(target.username, target.password)
        client.send_message(mail, target.sender, list(target.to))


def _reason(error: smtplib.SMTPException) -> str:
    """Return what went wrong, without the words of the server: it could repeat what we said to log in."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"it refused the login ({error.smtp_code})"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return "it refused all recipients"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"it answered {error.smtp_code}"
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return "it does not offer what is asked of it: STARTTLS or a login"
    return f"it ended the talk ({type(error).__name__})"
