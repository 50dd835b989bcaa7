"""What people do with their accounts."""

from sqlalchemy.exc import IntegrityError

from evently.accounts import passwords, queries, signals, validation
from evently.accounts.address_locks import lock_name
from evently.accounts.guests import lock_address
from evently.accounts.models import User
from evently.accounts.policies import require_people_manager
from evently.accounts.usernames import is_reserved, skeleton
from evently.accounts.validation import ProfileChanges, ProfileFields
from evently.audit.services import record
from evently.database import transaction, utc_now
from evently.errors import Invalid, NotAuthenticated, NotFound
from evently.text import has_control_characters


class EmailTaken(Invalid):
    """The e-mail address has another account. Apart from other mistakes, so that callers can limit how often they tell it."""


def register(*, username: str, password: str, profile: ProfileFields, is_confirmed: bool = False, reveals_taken: bool = True) -> User:
    """A new attendee, who is asked by mail to confirm the address unless the caller vouches for it (`is_confirmed`).

    With `reveals_taken` an address of another account is refused. Without, the registration looks as usual, and the mail
    to the owner of the address says that they have an account already. Raises Invalid with a message per field.
    """
    return _create_user(username=username, password=password, profile=profile, is_confirmed=is_confirmed, reveals_taken=reveals_taken)


def create_superuser(*, username: str, email: str, password: str) -> User:
    """Somebody who may do everything. Raises Invalid with a message per field."""
    roles = {"is_superuser": True, "is_staff": True, "is_organizer": True}
    return _create_user(username=username, password=password, profile={"email": email}, roles=roles, is_confirmed=True)


def create_staff(*, by: User, username: str, password: str, profile: ProfileFields) -> User:
    """Somebody who may manage every event. Raises NotAllowed unless a superuser asks, Invalid with a message per field."""
    require_people_manager(by)
    return _create_user(username=username, password=password, profile=profile, roles={"is_staff": True}, by_id=by.id)


def _create_user(
    *,
    username: str,
    password: str,
    profile: ProfileFields,
    roles: dict[str, bool] | None = None,
    is_confirmed: bool = False,
    by_id: int | None = None,
    reveals_taken: bool = True,
) -> User:
    # Accounts that operators make may have a username of the site.
    username, profile = _validated(username, password, profile, may_be_reserved=bool(roles) or is_confirmed)
    # Hashed before the transaction: it takes 30 ms, and no lock should wait for that.
    user = User(username=username, password_hash=passwords.hash_password(password), **profile, **(roles or {}))
    user.email_confirmed_at = utc_now() if is_confirmed else None
    try:
        with transaction() as session:
            _ensure_unique(username=username, email=user.email if reveals_taken else None)
            session.add(user)
            session.flush()
            if roles:
                _record_creation(user, roles, by_id)
            if not is_confirmed:
                (signals.staff_account_created if roles else signals.confirmation_requested).send(user)
    except IntegrityError as error:  # another request took the name between the check and the insert
        email = profile["email"] if reveals_taken else None
        raise uniqueness_error(queries.list_taken(username=username, email=email) or {"username"}) from error
    return user


def _validated(username: str, password: str, profile: ProfileFields, *, may_be_reserved: bool) -> tuple[str, ProfileFields]:
    """The name and the profile as they are kept. Raises Invalid with a message per field."""
    username, profile = username.strip(), validation.normalize(profile)
    email = profile.setdefault("email", "")
    problems = validation.profile_problems(profile) | validation.email_problems(email) | validation.username_problems(username)
    problems |= validation.password_problems(password, username=username, email=email)
    if not may_be_reserved and is_reserved(username):
        problems.setdefault("username", ["This username is reserved. Choose another."])
    if problems:
        raise Invalid("Please correct the marked fields.", fields=problems)
    profile["email"] = validation.canonical_email(email)
    return username, profile


def _record_creation(user: User, roles: dict[str, bool], by_id: int | None) -> None:
    changes = {role: (None, is_held) for role, is_held in roles.items()}
    record(actor_id=by_id, action="user.created", subject="user", subject_id=user.id, changes=changes)


def notify_owner(email: str) -> None:
    """Tell the confirmed owner of this address by e-mail that another person tried to use it."""
    with transaction():
        if owner := queries.find_confirmed_user(email):
            signals.registration_attempted.send(owner)


def update_profile(*, user: User, profile: ProfileChanges) -> User:
    """Change what was given and leave the rest; the address is changed by email_changes.py.

    Raises Invalid with a message per field.
    """
    profile = validation.normalize(profile)
    if problems := validation.profile_problems(profile):
        raise Invalid("Please correct the marked fields.", fields=problems)
    with transaction():
        user = get_for_update(user.id)
        for name, value in profile.items():
            setattr(user, name, value)
    return user


def authenticate(*, login: str, password: str) -> User:
    """The user with this username or e-mail address and password. Raises NotAuthenticated, the same for every reason.

    A registration with an address of another account looks as usual, so signing in by that address must work too.
    """
    # A database may refuse even to look for control characters.
    candidates = [None] if has_control_characters(login) else queries.list_login_candidates(login)
    checked = [(user, passwords.is_correct(user.password_hash if user else None, password)) for user in candidates]
    user = next((user for user, is_correct in checked if user and is_correct and user.is_active), None)
    if user is None:
        raise NotAuthenticated("That username and password do not match.", code="wrong_credentials")
    if passwords.needs_rehash(before := user.password_hash):
        password_hash = passwords.hash_password(password)
        with transaction():
            user = get_for_update(user.id)
            # Not over a password that was set meanwhile.
            if user.password_hash == before:
                user.password_hash = password_hash
    return user


def get_for_update(user_id: int) -> User:
    """This person as they are now, and nobody changes them meanwhile; within a transaction. Raises NotFound."""
    with transaction() as session:
        # Not so strongly locked that their bookings would have to wait.
        user = session.get(User, user_id, with_for_update={"key_share": True}, populate_existing=True)
    if user is None:
        raise NotFound("There is no such user.")
    return user


def _ensure_unique(*, username: str | None = None, email: str | None = None) -> None:
    if email:
        # No constraint covers unconfirmed accounts.
        lock_address(email)
    if username:
        lock_name(f"username {skeleton(username)}")
    found = queries.list_taken(username=username, email=email)
    if found:
        raise uniqueness_error(found)
    if username and queries.has_lookalike(username):
        message = "This looks too much like a username that is taken. Choose another."
        raise Invalid("Please correct the marked fields.", fields={"username": [message]})


def uniqueness_error(fields: set[str]) -> Invalid:
    words = {"username": "Somebody already has this username.", "email": "There is already an account with this address."}
    kind = EmailTaken if "email" in fields else Invalid
    return kind("Please correct the marked fields.", fields={name: [words[name]] for name in sorted(fields)})
