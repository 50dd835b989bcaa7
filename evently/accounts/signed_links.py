"""Signed links in mails, which prove that the reader has the mailbox. No link is stored.

Each is signed with SECRET_KEY, the address it was sent to and when its mail was written. A link to a new password is also
signed with the hash of the old one, so that all such links end with that password.
"""

import datetime as dt
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from flask import current_app
from itsdangerous import BadSignature, Signer

from evently.accounts.models import EmailChange, User
from evently.accounts.queries import find_user
from evently.database import utc_now
from evently.errors import NotFound
from evently.extensions import db


@dataclass(frozen=True)
class SignedLink:
    """What a link to an account is for; `lifetime` counts from when its mail was written, `state` is what it ends with."""

    name: str
    lifetime: dt.timedelta
    state: Callable[[User], str]

    def token(self, *, user_id: int, address: str, written_at: dt.datetime, state: str) -> str:
        """The last part of the URL; the same whenever the same mail is rendered."""
        return _sign(self._salt(address, state), user_id, written_at)

    def open(self, token: str) -> User:
        """The user of this link. Raises NotFound ("dead_link") when it is expired, used or forged."""
        user = find_user(_subject(token))
        if user is None or not user.is_active:
            raise _expired_link()
        _check(token, self._salt(user.email, self.state(user)), self.lifetime)
        return user

    def _salt(self, address: str, state: str) -> str:
        return f"{self.name}\n{address}\n{state}"


@dataclass(frozen=True)
class EmailChangeLink:
    """A link about one change of an account's address; `lifetime` counts from when its mail was written."""

    name: str
    lifetime: dt.timedelta

    def token(self, *, change_id: int, written_at: dt.datetime) -> str:
        return _sign(self.name, change_id, written_at)

    def open(self, token: str) -> EmailChange:
        """Raises NotFound ("dead_link") when it is expired or forged, or the change was cancelled, undone or replaced."""
        change = db.session.get(EmailChange, _subject(token), populate_existing=True)
        if change is None or change.ended_at:
            raise _expired_link()
        _check(token, self.name, self.lifetime)
        return change


def _sign(salt: str, subject: int, written_at: dt.datetime) -> str:
    return _signer(salt).sign(f"{subject}.{int(written_at.timestamp())}").decode()


def _subject(token: str) -> int:
    """The id that the token begins with, unverified; 0 where there is none."""
    subject = token.partition(".")[0]
    return int(subject) if subject.isascii() and subject.isdigit() and len(subject) < 10 else 0


def _check(token: str, salt: str, lifetime: dt.timedelta) -> None:
    """Raises NotFound ("dead_link")."""
    try:
        signed = _signer(salt).unsign(token).decode()
    # UnicodeEncodeError: what was typed into an address bar may be half a surrogate pair
    except (BadSignature, UnicodeEncodeError):
        raise _expired_link() from None
    if utc_now() - dt.datetime.fromtimestamp(int(signed.partition(".")[2]), dt.UTC) > lifetime:
        raise _expired_link()


def _signer(salt: str) -> Signer:
    return Signer(current_app.config["SECRET_KEY"], salt=salt, key_derivation="hmac", digest_method=hashlib.sha256)


def _password(user: User) -> str:
    return hashlib.sha256(user.password_hash.encode()).hexdigest()[:32]


def _expired_link() -> NotFound:
    return NotFound("This link has expired or was already used.", code="dead_link")


CONFIRM_ADDRESS = SignedLink("confirm-address", dt.timedelta(days=30), lambda _: "")
RESET_PASSWORD = SignedLink("reset-password", dt.timedelta(hours=1), _password)
CONFIRM_EMAIL_CHANGE = EmailChangeLink("confirm-email-change", dt.timedelta(hours=72))
UNDO_EMAIL_CHANGE = EmailChangeLink("undo-email-change", dt.timedelta(hours=72))
