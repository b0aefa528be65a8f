"""How does an e-mail leave, and if not: may it be tried again, is it refused, or does nobody know?

A mail server keeps no key by which it would know a repeat. So only what certainly did not leave is
tried again; what perhaps did is left to a person.
"""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.conf import settings
from django.core.mail import EmailMessage, get_connection


class NotNow(Exception):  # noqa: N818 - a state, not a bug
    """It did not leave; later it may."""


class Refused(Exception):  # noqa: N818 - a state, not a bug
    """It did not leave, and never will."""


class Perhaps(Exception):  # noqa: N818 - a state, not a bug
    """The line broke: it may have left."""


def is_set_up() -> bool:
    return bool(settings.EMAIL_READY)


def send(message: EmailMessage) -> None:
    """Outside any scope. Raises NotNow, Refused or Perhaps with what the server said."""
    connection = get_connection()
    try:
        connection.open()
    except OSError as error:  # that of SMTP is one
        raise NotNow(_said(error)) from None
    try:
        with _understood():
            connection.send_messages([message])
    finally:
        with suppress(OSError):  # what was accepted is, however the line ends
            connection.close()


@contextmanager
def _understood() -> Iterator[None]:
    try:
        yield
    except smtplib.SMTPRecipientsRefused as error:
        code, _text = next(iter(error.recipients.values()))
        raise _of_code(code, error) from None
    except smtplib.SMTPResponseException as error:
        raise _of_code(error.smtp_code, error) from None
    except smtplib.SMTPServerDisconnected as error:
        raise Perhaps(_said(error)) from None
    except (smtplib.SMTPException, ValueError) as error:  # not said to the server at all
        raise Refused(_said(error)) from None
    except OSError as error:
        raise Perhaps(_said(error)) from None


def _of_code(code: int, error: Exception) -> Exception:
    return NotNow(_said(error)) if 400 <= code < 500 else Refused(_said(error))


def _said(error: Exception) -> str:
    """Without addresses: they are not for logs and lists."""
    text: bytes | str
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = next(iter(error.recipients.values()))
    elif isinstance(error, smtplib.SMTPResponseException):
        code, text = error.smtp_code, error.smtp_error
    else:
        return f"{type(error).__name__}"
    told = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    words = [word for word in told.split() if "@" not in word]
    return f"{code} {' '.join(words)}"[:200]
