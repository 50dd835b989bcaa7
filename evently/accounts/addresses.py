"""Whether a mailbox is a person's own. It need not be known to book; it is for what matters more."""

from evently.accounts import signals
from evently.accounts.links import CONFIRM_ADDRESS
from evently.accounts.models import User
from evently.accounts.services import locked
from evently.database import transaction, utc_now
from evently.errors import Conflict


def ask_for_confirmation(*, user: User) -> None:
    """Send the link once more. Raises Conflict ("already_confirmed")."""
    with transaction():
        user = locked(user.id)
        if user.email_confirmed_at:
            raise Conflict("Your address is confirmed already.", code="already_confirmed")
        signals.confirmation_wanted.send(user)


def confirm_address(*, token: str) -> User:
    """Whoever has this link reads the mail at their address. The same again changes nothing. Raises NotFound ("dead_link")."""
    with transaction():
        locked(CONFIRM_ADDRESS.open(token).id)
        # Once more, now that nobody can change the address meanwhile.
        user = CONFIRM_ADDRESS.open(token)
        user.email_confirmed_at = user.email_confirmed_at or utc_now()
    return user
