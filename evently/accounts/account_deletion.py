"""People who leave. What they hold goes back, and whatever tells who they were is taken out of their rows."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, delete, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from evently.accounts import sessions, tokens
from evently.accounts.models import EmailChange, User
from evently.accounts.password_reset import require_password
from evently.accounts.passwords import NO_PASSWORD
from evently.accounts.policies import require_people_manager
from evently.accounts.roles import lock_superusers
from evently.accounts.services import get_for_update
from evently.accounts.signals import account_closing, users_deleted
from evently.audit.services import record
from evently.database import Base, transaction, utc_now
from evently.errors import Conflict, Invalid
from evently.extensions import db
from evently.text import has_control_characters

# characters; a shorter one would mean half of the site, a longer one nobody
PREFIX_LENGTH = range(3, 151)
# Each portion is a transaction of its own, so that no event is locked for long.
BATCH_SIZE = 200
ROLE_COLUMNS: tuple[InstrumentedAttribute[bool], ...] = (User.is_organizer, User.is_staff, User.is_superuser)


def close_account(*, user: User, password: str) -> None:
    """Let somebody go who wants to: they are told by mail, and nothing here tells any more who they were.

    Raises Invalid for another password than theirs; Conflict ("last_superuser", "has_events_to_come").
    """
    require_password(user=user, password=password)
    with transaction():
        # First, in the order in which everybody locks them.
        managers = lock_superusers() if user.is_superuser else set()
        user = get_for_update(user.id)
        if managers == {user.id}:
            raise Conflict("You are the only one who can manage people here. Let somebody else do so first.", code="last_superuser")
        account_closing.send(user)
        anonymize([user])


def anonymize(users: Sequence[User]) -> None:
    """Make these people nobody: no name, no address, no password, no token, no session.

    Their bookings stay, those to come are given back.
    """
    with transaction() as session:
        for user in users:
            # Nobody can register it, and it is as unique as the columns ask for.
            user.username = user.email = f"(deleted-{user.id})"
            user.password_hash = NO_PASSWORD
            user.first_name = user.last_name = user.phone_number = user.address = ""
            user.is_active = user.is_organizer = user.is_staff = user.is_superuser = False
            user.email_confirmed_at, user.anonymised_at = None, utc_now()
        session.flush()
        ids = [user.id for user in users]
        tokens.revoke_all(users)
        session.execute(delete(EmailChange).where(EmailChange.user_id.in_(ids)))
        sessions.revoke_all(users)
        users_deleted.send(users)


def delete_users(*, by: User, prefix: str, dry_run: bool = False) -> int:
    """Delete everybody whose username begins like this, but no organizers, staff or superusers; how many they are.

    Those with a history are anonymised instead. With `dry_run` nobody is. Raises NotAllowed, Invalid.
    """
    require_people_manager(by)
    if len(prefix.strip()) not in PREFIX_LENGTH or has_control_characters(prefix):
        problem = f"Use {PREFIX_LENGTH.start} to {PREFIX_LENGTH.stop - 1} characters that can be seen."
        raise Invalid("Please correct the marked fields.", fields={"prefix": [problem]})
    query = _without_roles(prefix.strip())
    if dry_run:
        return db.session.scalar(query.with_only_columns(func.count()).order_by(None)) or 0
    deleted = 0
    while users := _delete_batch(query, by=by, prefix=prefix.strip()):
        deleted += users
    return deleted


def _without_roles(prefix: str) -> Select[User]:
    begins_so = func.lower(User.username).startswith(prefix.lower(), autoescape=True)
    return select(User).where(begins_so, ~or_(*ROLE_COLUMNS), User.anonymised_at.is_(None)).order_by(User.id)


def _delete_batch(query: Select[User], *, by: User, prefix: str) -> int:
    with transaction() as session:
        users = session.scalars(query.limit(BATCH_SIZE).with_for_update(key_share=True).execution_options(populate_existing=True)).all()
        anonymize(users)
        ids = [user.id for user in users]
        session.execute(delete(User).where(User.id.in_(ids), ~_has_history()).execution_options(synchronize_session=False))
        if users:
            changes = {"prefix": (None, prefix), "people": (len(users), 0)}
            record(actor_id=by.id, action="user.deleted", subject="user", subject_id="", changes=changes)
    return len(users)


def _has_history() -> ColumnElement[bool]:
    """Whether any row still refers to a person."""
    columns = [key.parent for table in Base.metadata.tables.values() for key in table.foreign_keys if key.column is User.__table__.c.id]
    return or_(*(select(column).where(column == User.id).exists() for column in columns))
