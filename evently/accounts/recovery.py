"""Getting another password: knowing the old one, or by a link in a mail."""

from evently.accounts import passwords, rules, sessions, signals
from evently.accounts.links import RESET_PASSWORD
from evently.accounts.models import User
from evently.accounts.queries import find_user_by_login
from evently.accounts.services import locked
from evently.database import transaction, utc_now
from evently.errors import Conflict, Invalid
from evently.text import has_control_characters


def require_password(*, user: User, password: str, field: str = "password") -> None:
    """Raises Invalid, naming the field, unless this is their password."""
    if not passwords.is_correct(user.password_hash, password):
        raise Invalid("Please correct the marked fields.", fields={field: ["This is not your password."]})


def change_password(*, user: User, password: str, new_password: str, session: str) -> None:
    """Set another password; they are signed out everywhere but in this session (`id_sha256`).

    Raises Invalid; Conflict when somebody else has just set one.
    """
    require_password(user=user, password=password)
    before, password_hash = user.password_hash, _acceptable(user, new_password)
    with transaction():
        user = locked(user.id)
        if user.password_hash != before:
            raise Conflict("Your password was changed a moment ago.", code="password_changed")
        _set(user, password_hash, kept_session=session)


def mail_reset_link(login: str) -> None:
    """Write to whoever has this username or address, if anybody has."""
    user = None if has_control_characters(login) else find_user_by_login(login)
    if user and user.is_active:
        with transaction():
            signals.password_reset_wanted.send(user)


def reset_password(*, token: str, new_password: str) -> User:
    """Set a password by the link of a mail, once; they are signed out everywhere. Raises NotFound ("dead_link"), Invalid."""
    password_hash = _acceptable(RESET_PASSWORD.open(token), new_password)
    with transaction():
        locked(RESET_PASSWORD.open(token).id)
        # Once more, now that nobody can use it meanwhile.
        user = RESET_PASSWORD.open(token)
        # Who reads the mail has the mailbox.
        user.email_confirmed_at = user.email_confirmed_at or utc_now()
        _set(user, password_hash)
    return user


def _acceptable(user: User, new_password: str) -> str:
    """Its hash, made before any transaction: it takes 30 ms. Raises Invalid."""
    problems = rules.password_problems(new_password, username=user.username, email=user.email)
    if problems:
        raise Invalid("Please correct the marked fields.", fields={"new_password": problems["password"]})
    return passwords.hash_password(new_password)


def _set(user: User, password_hash: str, kept_session: str = "") -> None:
    user.password_hash = password_hash
    sessions.end_others(user=user, kept=kept_session)
    signals.password_changed.send(user)
