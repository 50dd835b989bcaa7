"""Getting another password: knowing the old one, or by a link in a mail."""

from sqlalchemy.exc import IntegrityError

from evently.accounts import passwords, sessions, signals, tokens, validation
from evently.accounts.email_confirmation import confirm, email_taken, end_pending_changes
from evently.accounts.models import User
from evently.accounts.queries import find_confirmed_user, find_user_by_login
from evently.accounts.services import get_for_update
from evently.accounts.signed_links import RESET_PASSWORD
from evently.database import transaction
from evently.errors import Conflict, Invalid
from evently.text import has_control_characters


def require_password(*, user: User, password: str, field: str = "password") -> None:
    """Raises Invalid, naming the field, unless this is their password."""
    if not passwords.is_correct(user.password_hash, password):
        raise Invalid("Please correct the marked fields.", fields={field: ["This is not your password."]})


def change_password(*, user: User, password: str, new_password: str, session: str) -> None:
    """Set another password. Ends every session but this one (`id_sha256`) and all API tokens.

    Raises Invalid; Conflict when another request has just changed it.
    """
    require_password(user=user, password=password)
    before, password_hash = user.password_hash, hash_new_password(user, new_password)
    with transaction():
        user = get_for_update(user.id)
        if user.password_hash != before:
            raise Conflict("Your password was changed a moment ago.", code="password_changed")
        store_password(user, password_hash, kept_session=session)


def send_reset_email(login: str) -> None:
    """Send the link to the current address of the account with this username or address, if there is one."""
    user = None if has_control_characters(login) else find_user_by_login(login)
    if user and user.is_active:
        with transaction():
            signals.password_reset_requested.send(user)


def reset_password(*, token: str, new_password: str) -> User:
    """Set a password by the link of a mail, once. Ends all sessions and API tokens, and confirms the address.

    An address that another account has confirmed meanwhile stays unconfirmed here.
    Raises NotFound ("dead_link"), Invalid, Conflict ("email_taken").
    """
    password_hash = hash_new_password(RESET_PASSWORD.open(token), new_password)
    try:
        with transaction():
            get_for_update(RESET_PASSWORD.open(token).id)
            # Another request may have used the link before the row was locked.
            user = RESET_PASSWORD.open(token)
            store_password(user, password_hash)
            # A pending change was requested by a person who may not have this mailbox.
            end_pending_changes(user)
            if user.email_confirmed_at is None and find_confirmed_user(user.email) is None:
                confirm(user)
    except IntegrityError as error:
        raise email_taken() from error
    return user


def hash_new_password(user: User, new_password: str) -> str:
    """Its hash, made before any transaction: it takes 30 ms. Raises Invalid."""
    problems = validation.password_problems(new_password, username=user.username, email=user.email)
    if problems:
        raise Invalid("Please correct the marked fields.", fields={"new_password": problems["password"]})
    return passwords.hash_password(new_password)


def store_password(user: User, password_hash: str, *, kept_session: str = "") -> None:
    """Store a new password and end what the old one opened; within a transaction."""
    user.password_hash = password_hash
    sessions.revoke_others(user=user, kept=kept_session)
    tokens.revoke_all([user])
    signals.password_changed.send(user)
