"""Moving an account to another e-mail address.

The new address is pending until the link sent to it is opened; tickets and password links go to the old one until then.
The old address, if it was confirmed, is told, and its link undoes the change for UNDO_EMAIL_CHANGE.lifetime.
"""

import datetime as dt

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from evently.accounts import password_reset, queries, signals, validation
from evently.accounts.email_confirmation import confirm, email_taken, end_pending_changes, merge_guests, require_same_account
from evently.accounts.models import EmailChange, User
from evently.accounts.services import get_for_update, uniqueness_error, update_profile
from evently.accounts.signed_links import CONFIRM_EMAIL_CHANGE, UNDO_EMAIL_CHANGE
from evently.database import single_statement, transaction, utc_now
from evently.errors import Conflict
from evently.extensions import db

# After this, no link of a change works any more.
RETENTION = dt.timedelta(days=90)


def find_pending_change(user: User) -> EmailChange | None:
    is_pending = (EmailChange.confirmed_at.is_(None), EmailChange.ended_at.is_(None))
    is_recent = EmailChange.requested_at > utc_now() - CONFIRM_EMAIL_CHANGE.lifetime
    return db.session.scalar(select(EmailChange).where(EmailChange.user_id == user.id, *is_pending, is_recent))


def request_email_change(*, user: User, email: str, reveals_taken: bool) -> EmailChange | None:
    """Ask the new address to confirm; None where that is the address already, which cancels a pending change.

    The caller has checked the password. With `reveals_taken` an address of another account is refused; without, the
    request looks as usual, and the owner of the address is told by mail instead. Raises Invalid.
    """
    email = validation.parse_email(email)
    with transaction() as session:
        user = get_for_update(user.id)
        if reveals_taken and queries.list_taken(email=email, except_id=user.id):
            raise uniqueness_error({"email"})
        end_pending_changes(user)
        if email == user.email:
            return None
        change = EmailChange(user_id=user.id, old_email=user.email, new_email=email)
        session.add(change)
        session.flush()
        signals.email_change_requested.send(user, change=change)
    return change


def change_profile(*, user: User, profile: validation.ProfileChanges, email: str) -> User:
    """Change the profile and request another address, or neither. The caller has checked the password. Raises Invalid."""
    with transaction():
        request_email_change(user=user, email=email, reveals_taken=True)
        return update_profile(user=user, profile=profile)


def cancel_email_change(*, user: User) -> None:
    """Raises Conflict ("no_pending_email") when there is nothing to cancel."""
    with transaction():
        user = get_for_update(user.id)
        if not end_pending_changes(user):
            raise Conflict("There is no pending e-mail change.", code="no_pending_email")


def confirm_email_change(*, by: User, token: str, session: str) -> User:
    """The new address becomes that of the account; `by` is signed in to it, in the session with this `id_sha256`.

    Raises NotFound ("dead_link"), NotAllowed ("other_account"), Conflict ("email_taken").
    """
    try:
        with transaction():
            user = get_for_update(CONFIRM_EMAIL_CHANGE.open(token).user_id)
            change = CONFIRM_EMAIL_CHANGE.open(token)
            require_same_account(by, user)
            if change.confirmed_at:
                return user
            was_confirmed = user.email_confirmed_at is not None
            change.confirmed_at, user.email, user.email_confirmed_at = utc_now(), change.new_email, utc_now()
            db.session.flush()
            if was_confirmed:
                signals.email_changed.send(user, change=change)
                merge_guests(user)
            else:
                confirm(user, kept_session=session)
    except IntegrityError as error:
        raise email_taken() from error
    return user


def undo_email_change(*, token: str, new_password: str) -> User:
    """Restore the old address and set a password, by the link sent to that address. Signs out everywhere, ends all tokens.

    Raises NotFound ("dead_link"), Invalid, Conflict ("email_taken").
    """
    user = queries.get_user(UNDO_EMAIL_CHANGE.open(token).user_id)
    password_hash = password_reset.hash_new_password(user, new_password)
    try:
        with transaction():
            user = get_for_update(user.id)
            change = UNDO_EMAIL_CHANGE.open(token)
            user.email, user.email_confirmed_at = change.old_email, utc_now()
            # Whatever the account was changed to after this change ends with it.
            later = (EmailChange.user_id == user.id, EmailChange.id >= change.id)
            db.session.execute(update(EmailChange).where(*later).values(ended_at=utc_now()))
            password_reset.store_password(user, password_hash)
            db.session.flush()
            merge_guests(user)
    except IntegrityError as error:
        raise email_taken() from error
    return user


def delete_old() -> int:
    """How many changes were deleted, whose links have all expired."""
    with single_statement() as connection:
        return connection.execute(delete(EmailChange).where(EmailChange.requested_at < utc_now() - RETENTION)).rowcount
