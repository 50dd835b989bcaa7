"""From a row of the outbox to what goes over the wire: headers, text, HTML and files (RFC 5322, MIME)."""

import datetime as dt
import hashlib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8, EmailPolicy
from email.utils import format_datetime, parseaddr
from functools import lru_cache
from typing import Any

from email_validator import EmailNotValidError, validate_email
from flask import current_app

from evently.accounts.display_names import public_name, recipient_name
from evently.database import utc_now
from evently.notifications import mime, subscriptions
from evently.notifications.attachments import attachments
from evently.notifications.models import FROM_ORGANIZERS, Mail
from evently.notifications.rendering import external_url, render_mail

# Headers that are written as they are read, with no encoding, no quotes and no second line.
PLAIN = {
    "Subject": re.compile(r"[!-<>-~][ -<>-~]{,68}"),
    "To": re.compile(r"[A-Za-z0-9][A-Za-z0-9 _-]{,30} <[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*@[a-z0-9.-]+>"),
}
# Words that need no quotes before an address.
ATOMS = re.compile(r"[\w -]+")
# characters; what is longer takes two lines
LONGEST = 70
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
    recipient = plain_address(mail.to_address)
    rendered = render_mail(mail)
    policy = SMTP if recipient.isascii() else SMTPUTF8
    body = mime.body(rendered.text, rendered.html, attachments(mail), boundary=message_id(mail)[1:33])
    fields = dict(_for_people(mail, recipient, rendered.subject))
    lines = [*(_folded(policy, name, value) for name, value in fields.items()), *_for_programs(mail), body]
    return Letter(sender=sender_address(), recipient=recipient, content=b"".join(lines))


def _for_people(mail: Mail, recipient: str, subject: str) -> Iterator[tuple[str, str]]:
    """The headers in which there is something that somebody typed."""
    yield "From", current_app.config["DEFAULT_FROM_EMAIL"]
    yield "To", _named(recipient_name(mail.user) if mail.user and mail.is_to_owner else "", recipient)
    if answers_to := _organizer(mail):
        yield "Reply-To", answers_to
    yield "Subject", one_line(subject)


def _for_programs(mail: Mail) -> Iterator[bytes]:
    """The other headers, all ours."""
    yield f"Date: {format_datetime(utc_now())}\r\n".encode()
    yield f"Message-ID: {message_id(mail)}\r\n".encode()
    # So that no holiday answer comes back (RFC 3834).
    yield b"Auto-Submitted: auto-generated\r\n"
    if token := subscriptions.token_of(mail):
        # One click in a mail program, and no page (RFC 8058).
        yield f"List-Unsubscribe: <{external_url('web.unsubscribe', token=token)}>\r\n".encode()
        yield b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"


def _named(name: str, address: str) -> str:
    """`Mira Berg <mira@berg.example>`, the name in quotes where it has signs of its own."""
    words = one_line(name)
    return f"{words} <{address}>" if ATOMS.fullmatch(words) else str(Address(words, addr_spec=address))


def _organizer(mail: Mail) -> str | None:
    """Who answers a mail about an event."""
    organizer = mail.event.organizer if mail.event and mail.kind in FROM_ORGANIZERS else None
    if organizer is None or organizer.anonymised_at:
        return None
    try:
        address = plain_address(organizer.email)
    except BadAddress:
        return None
    # Beyond ASCII it would ask of the server what it needs to know for nothing else.
    return _named(public_name(organizer), address) if address.isascii() else None


def _folded(policy: "EmailPolicy[Any]", name: str, value: str) -> bytes:
    """By the library, which knows how to write what is not plain, and refuses what would begin another line."""
    is_plain = name in PLAIN and len(value) < LONGEST and PLAIN[name].fullmatch(value)
    return f"{name}: {value}\r\n".encode() if is_plain else _folded_by_library(policy, name, value)


# What goes to many is written once.
@lru_cache(maxsize=1024)
def _folded_by_library(policy: "EmailPolicy[Any]", name: str, value: str) -> bytes:
    header = EmailMessage(policy=policy)
    header[name] = value
    return policy.fold_binary(name, header[name])


def sender_address() -> str:
    """The address of DEFAULT_FROM_EMAIL, without the name."""
    return _address_in(current_app.config["DEFAULT_FROM_EMAIL"])


@lru_cache(maxsize=8)
def _address_in(sender: str) -> str:
    return parseaddr(sender)[1]


def sender_domain() -> str:
    return sender_address().rpartition("@")[2] or "localhost"


def message_id(mail: Mail) -> str:
    """The same however often the mail is sent, so that a second copy can be told for one."""
    digest = hashlib.sha256(f"{mail.delivery_key} {mail.created_at.astimezone(dt.UTC).isoformat()}".encode()).hexdigest()
    return f"<{digest[:32]}@{sender_domain()}>"


def one_line(words: str) -> str:
    """Fit for a header: whatever people typed, it stays on its line."""
    return " ".join("".join(" " if unicodedata.category(letter) in UNPRINTABLE else letter for letter in words).split())


@lru_cache(maxsize=1024)
def plain_address(address: str) -> str:
    """The address as servers know it: no name, the domain in ASCII. Raises BadAddress."""
    try:
        checked = validate_email(address, check_deliverability=False)
    except EmailNotValidError as error:
        raise BadAddress(str(error)) from error
    return checked.ascii_email or checked.normalized
