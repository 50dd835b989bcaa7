"""Links in mails that prove their reader has the mailbox. No link is stored.

It is signed with our secret, the mailbox and the moment its mail was written. One to a new password is also signed with
what the password was then, so that it ends with that password, and so do all others of its kind.
"""

import datetime as dt
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from flask import current_app
from itsdangerous import BadSignature, Signer

from evently.accounts.models import User
from evently.accounts.queries import find_user
from evently.database import utc_now
from evently.errors import NotFound


@dataclass(frozen=True)
class Purpose:
    """What a link is for; `lifetime` counts from when its mail was written, `state` is what it ends with."""

    name: str
    lifetime: dt.timedelta
    state: Callable[[User], str]

    def token(self, *, user_id: int, address: str, written_at: dt.datetime, state: str) -> str:
        """What the address of the link ends with; the same whenever the same mail is looked at."""
        return self._signer(address, state).sign(f"{user_id}.{int(written_at.timestamp())}").decode()

    def open(self, token: str) -> User:
        """Whose link this is. Raises NotFound ("dead_link") when it is too old, used, or none of ours."""
        user_id, _, rest = token.partition(".")
        is_number = user_id.isascii() and user_id.isdigit() and len(user_id) < 10
        user = find_user(int(user_id)) if is_number else None
        if user is None or not user.is_active or not self._is_genuine(user, token):
            raise _dead()
        written_at = dt.datetime.fromtimestamp(int(rest.partition(".")[0]), dt.UTC)
        if utc_now() - written_at > self.lifetime:
            raise _dead()
        return user

    def _is_genuine(self, user: User, token: str) -> bool:
        try:
            self._signer(user.email, self.state(user)).unsign(token)
        # UnicodeEncodeError: what was typed into an address bar may be half a surrogate pair
        except (BadSignature, UnicodeEncodeError):
            return False
        return True

    def _signer(self, address: str, state: str) -> Signer:
        salt = f"{self.name}\n{address}\n{state}"
        return Signer(current_app.config["SECRET_KEY"], salt=salt, key_derivation="hmac", digest_method=hashlib.sha256)


def _password(user: User) -> str:
    return hashlib.sha256(user.password_hash.encode()).hexdigest()[:32]


def _dead() -> NotFound:
    return NotFound("This link does not work any more.", code="dead_link")


CONFIRM_ADDRESS = Purpose("confirm-address", dt.timedelta(days=30), lambda _: "")
RESET_PASSWORD = Purpose("reset-password", dt.timedelta(hours=1), _password)
