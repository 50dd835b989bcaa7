"""From a row of the outbox to what goes over the wire: headers, text and HTML (RFC 5322, MIME)."""

import datetime as dt
import hashlib
import unicodedata
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import parseaddr

from email_validator import EmailNotValidError, validate_email
from flask import current_app

from evently.database import utc_now
from evently.notifications.models import Mail
from evently.notifications.rendering import render_mail

# Control characters, broken surrogates, line and paragraph separators: nothing a header may hold.
UNPRINTABLE = {"Cc", "Cs", "Zl", "Zp"}


class BadAddress(Exception):
    """No mail can be sent to this address, now or later."""


@dataclass(frozen=True)
class Letter:
    """A mail as a server takes it: its envelope, and all its bytes."""

    sender: str
    recipient: str
    content: bytes


def compose(mail: Mail) -> Letter:
    """Raises BadAddress."""
    recipient = _checked(mail.to_address)
    rendered = render_mail(mail)
    message = EmailMessage(policy=SMTP if recipient.isascii() else SMTPUTF8)
    message["From"] = current_app.config["DEFAULT_FROM_EMAIL"]
    message["To"] = Address(one_line(mail.user.full_name) if mail.user else "", addr_spec=recipient)
    message["Subject"] = one_line(rendered.subject)
    message["Date"] = utc_now()
    message["Message-ID"] = message_id(mail)
    # So that no holiday answer comes back (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(rendered.text, cte="quoted-printable")
    message.add_alternative(rendered.html, subtype="html", cte="quoted-printable")
    return Letter(sender=sender_address(), recipient=recipient, content=message.as_bytes())


def sender_address() -> str:
    """The address of DEFAULT_FROM_EMAIL, without the name."""
    return parseaddr(current_app.config["DEFAULT_FROM_EMAIL"])[1]


def sender_domain() -> str:
    return sender_address().rpartition("@")[2] or "localhost"


def message_id(mail: Mail) -> str:
    """The same however often the mail is sent, so that a second copy can be told for one."""
    digest = hashlib.sha256(f"{mail.delivery_key} {mail.created_at.astimezone(dt.UTC).isoformat()}".encode()).hexdigest()
    return f"<{digest[:32]}@{sender_domain()}>"


def one_line(words: str) -> str:
    """Fit for a header: whatever people typed, it stays on its line."""
    return " ".join("".join(" " if unicodedata.category(letter) in UNPRINTABLE else letter for letter in words).split())


def _checked(address: str) -> str:
    """The address as servers know it: the domain in ASCII."""
    try:
        checked = validate_email(address, check_deliverability=False)
    except EmailNotValidError as error:
        raise BadAddress(str(error)) from error
    return checked.ascii_email or checked.normalized
