"""Proof that a mailbox belongs to the user of an account: they open a link that was sent there, signed in to that account.

Opening the link alone proves nothing about the account: a stranger may have registered it with this address, and knows
its password. So the first confirmation also ends every other session and every token that existed before it.
"""

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from evently.accounts import sessions, signals, tokens
from evently.accounts.guests import is_guest_of, lock_address
from evently.accounts.models import EmailChange, User
from evently.accounts.services import get_for_update
from evently.accounts.signed_links import CONFIRM_ADDRESS
from evently.database import transaction, utc_now
from evently.errors import Conflict, NotAllowed


def send_confirmation(*, user: User) -> None:
    """Send the link again. Raises Conflict ("already_confirmed"), TooManyRequests."""
    with transaction():
        user = get_for_update(user.id)
        if user.email_confirmed_at:
            raise Conflict("Your e-mail address is already confirmed.", code="already_confirmed")
        signals.confirmation_requested.send(user, is_repeat=True)


def confirm_email(*, by: User, token: str, session: str) -> User:
    """Confirm the address of the account that `by` is signed in to, in the session with this `id_sha256`.

    Repeating it changes nothing. Raises NotFound ("dead_link"), NotAllowed ("other_account"), Conflict ("email_taken").
    """
    try:
        with transaction():
            user = get_for_update(CONFIRM_ADDRESS.open(token).id)
            # The address may have changed before the row was locked.
            CONFIRM_ADDRESS.open(token)
            require_same_account(by, user)
            if user.email_confirmed_at is None:
                confirm(user, kept_session=session)
    except IntegrityError as error:
        raise email_taken() from error
    return user


def confirm(user: User, *, kept_session: str = "") -> None:
    """Make this user the confirmed owner of the account's address; within a transaction."""
    user.email_confirmed_at = utc_now()
    with transaction() as session:
        session.flush()
    sessions.revoke_others(user=user, kept=kept_session)
    tokens.revoke_all([user])
    merge_guests(user)


def merge_guests(user: User) -> None:
    """What organizers booked for this address before it had a confirmed account belongs to that account from now on."""
    with transaction() as session:
        # An organizer may be about to book for a guest account that this transaction does not see yet.
        lock_address(user.email)
        query = select(User).where(is_guest_of(user.email), User.id != user.id)
        guests = session.scalars(query.order_by(User.id).with_for_update()).all()
        if guests:
            signals.guests_merged.send(user, guests=[guest.id for guest in guests])
            for guest in guests:
                session.delete(guest)


def end_pending_changes(user: User) -> int:
    """Cancel the changes of this user's address that wait for confirmation; how many. Within a transaction."""
    is_pending = (EmailChange.user_id == user.id, EmailChange.confirmed_at.is_(None), EmailChange.ended_at.is_(None))
    with transaction() as session:
        statement = update(EmailChange).where(*is_pending).values(ended_at=utc_now()).returning(EmailChange.id)
        return len(session.scalars(statement).all())


def require_same_account(by: User, user: User) -> None:
    """Raises NotAllowed ("other_account")."""
    if by.id != user.id:
        raise NotAllowed("This link is for a different account. Sign in to that account first.", code="other_account")


def email_taken() -> Conflict:
    return Conflict("This e-mail address belongs to another account.", code="email_taken")
