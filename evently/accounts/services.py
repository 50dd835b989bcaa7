"""What people do with their accounts."""

import re
import secrets
from typing import TypedDict, cast

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import delete, literal, select, update
from sqlalchemy.exc import IntegrityError

from evently.accounts import keyring, passwords, queries
from evently.accounts.models import ApiToken, User
from evently.accounts.policies import require_people_manager
from evently.database import transaction, utc_now
from evently.errors import Invalid, NotAuthenticated
from evently.extensions import db
from evently.text import has_control_characters

USERNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,149}")
PHONE_NUMBER = re.compile(r"\+?[0-9][0-9 ()/.-]{2,14}")
# characters; NIST SP 800-63B asks for at least 8 and for no rules of composition
PASSWORD_LENGTH = range(8, 129)
# seconds; a token's last use is written at most this often, so that reading costs no write
LAST_USE_PRECISION = 60


# What a person may be besides an attendee: own events; every event; people too.
ROLES = ("organizer", "staff", "superuser")


class ProfileFields(TypedDict, total=False):
    """What people may change about themselves."""

    email: str
    first_name: str
    last_name: str
    phone_number: str
    address: str


LENGTHS = {"first_name": 150, "last_name": 150, "phone_number": 15, "address": 500}


def register(*, username: str, password: str, profile: ProfileFields) -> User:
    """A new attendee. Raises Invalid with a message per field."""
    return _create_user(username=username, password=password, profile=profile)


def create_superuser(*, username: str, email: str, password: str) -> User:
    """Somebody who may do everything. Raises Invalid with a message per field."""
    roles = {"is_superuser": True, "is_staff": True, "is_organizer": True}
    return _create_user(username=username, password=password, profile={"email": email}, roles=roles)


def create_staff(*, by: User, username: str, password: str, profile: ProfileFields) -> User:
    """Somebody who may manage every event. Raises NotAllowed unless a superuser asks, Invalid with a message per field."""
    require_people_manager(by)
    return _create_user(username=username, password=password, profile=profile, roles={"is_staff": True})


def _create_user(*, username: str, password: str, profile: ProfileFields, roles: dict[str, bool] | None = None) -> User:
    username, profile = username.strip(), _tidy(profile)
    problems = _profile_problems({"email": "", **profile}) | _credential_problems(username, password)
    if problems:
        raise Invalid("Please correct the marked fields.", fields=problems)
    profile["email"] = _canonical_email(profile["email"])
    # Hashed before the transaction: it takes 30 ms, and no lock should wait for that.
    user = User(username=username, password_hash=passwords.hash_password(password), **profile, **(roles or {}))
    try:
        with transaction() as session:
            _refuse_taken(username=username, email=user.email)
            session.add(user)
    except IntegrityError as error:  # somebody took the name between the check and the insert
        raise _taken(queries.list_taken(username=username, email=profile["email"]) or {"username"}) from error
    return user


def update_profile(*, user: User, profile: ProfileFields) -> User:
    """Change what was given and leave the rest. Raises Invalid with a message per field."""
    profile = _tidy(profile)
    if problems := _profile_problems(profile):
        raise Invalid("Please correct the marked fields.", fields=problems)
    if "email" in profile:
        profile["email"] = _canonical_email(profile["email"])
    try:
        with transaction():
            _refuse_taken(email=profile.get("email"), except_id=user.id)
            for name, value in profile.items():
                setattr(user, name, value)
    except IntegrityError as error:
        raise _taken({"email"}) from error
    return user


def authenticate(*, login: str, password: str) -> User:
    """The person with this username or e-mail and password. Raises NotAuthenticated, the same for every reason."""
    # Nobody has such a name, and a database may refuse even to look.
    user = None if has_control_characters(login) else queries.find_user_by_login(login)
    if not passwords.is_correct(user.password_hash if user else None, password) or user is None or not user.is_active:
        raise NotAuthenticated("That username and password do not match.", code="wrong_credentials")
    if passwords.needs_rehash(user.password_hash):
        with transaction():
            user.password_hash = passwords.hash_password(password)
    return user


def issue_token(*, user: User, name: str = "") -> str:
    """A new key to the API: 160 random bits, shown this once and stored as a hash only."""
    token = secrets.token_hex(20)
    with transaction() as session:
        session.add(ApiToken(user_id=user.id, name=name[:100], token_sha256=queries.token_sha256(token)))
    return token


def revoke_token(*, token: ApiToken) -> None:
    with transaction() as session:
        session.execute(delete(ApiToken).where(ApiToken.id == token.id))


def use_token(token: str) -> ApiToken:
    """The key this token opens. Raises NotAuthenticated for unknown tokens and suspended people."""
    found = queries.find_token(token)
    if found is None or not found.user.is_active:
        raise unknown_token()
    _note_use(found)
    return found


def recognise_token(token: str) -> ApiToken:
    """As `use_token`, without a session and perhaps from memory: then it is yet to be checked (`require_working`)."""
    found = keyring.recall(token)
    if found is None:
        found = keyring.read(token)
        if found is None or not found.user.is_active:
            raise unknown_token()
        keyring.remember(found)
        _note_use(found)
    return found


def _note_use(token: ApiToken) -> None:
    now = utc_now()
    if token.last_used_at is None or (now - token.last_used_at).total_seconds() > LAST_USE_PRECISION:
        with transaction() as session:
            session.execute(update(ApiToken).where(ApiToken.id == token.id).values(last_used_at=now))


def require_working(token_id: int) -> None:
    """Raises NotAuthenticated when this key was revoked or its holder suspended."""
    if not db.session.scalar(select(keyring.still_works(literal(token_id)))):
        raise unknown_token()


def unknown_token() -> NotAuthenticated:
    return NotAuthenticated("This token is not valid.", code="invalid_token")


def _tidy(profile: ProfileFields) -> ProfileFields:
    return cast("ProfileFields", {name: value.strip() for name, value in cast("dict[str, str]", profile).items()})


def _credential_problems(username: str, password: str) -> dict[str, list[str]]:
    problems = {}
    if not USERNAME.fullmatch(username):
        problems["username"] = ["Use 1 to 150 letters, digits or . _ + - and begin with a letter or digit."]
    if has_control_characters(password):
        problems["password"] = ["Remove the control characters."]
    elif len(password) not in PASSWORD_LENGTH:
        problems["password"] = [f"Use {PASSWORD_LENGTH.start} to {PASSWORD_LENGTH.stop - 1} characters."]
    return problems


def _profile_problems(profile: ProfileFields) -> dict[str, list[str]]:
    problems = {name: [f"Use at most {length} characters."] for name, length in LENGTHS.items() if len(str(profile.get(name, ""))) > length}
    problems |= {name: ["Remove the control characters."] for name in LENGTHS if has_control_characters(str(profile.get(name, "")))}
    phone_number = profile.get("phone_number", "")
    if phone_number and "phone_number" not in problems and not PHONE_NUMBER.fullmatch(phone_number):
        problems["phone_number"] = ["Use digits, spaces and a leading +."]
    if "email" in profile:
        try:
            _canonical_email(profile["email"])
        except EmailNotValidError:
            problems["email"] = ["Enter an e-mail address like name@example.org."]
    return problems


def _canonical_email(email: str) -> str:
    """Lower case, since addresses are unique without regard to case; raises EmailNotValidError."""
    return validate_email(email, check_deliverability=False).normalized.lower()


def _refuse_taken(*, username: str | None = None, email: str | None = None, except_id: int | None = None) -> None:
    taken = queries.list_taken(username=username, email=email, except_id=except_id)
    if taken:
        raise _taken(taken)


def _taken(fields: set[str]) -> Invalid:
    words = {"username": "Somebody already has this username.", "email": "There is already an account with this address."}
    return Invalid("Please correct the marked fields.", fields={name: [words[name]] for name in sorted(fields)})


def set_role(*, user: User, role: str, is_held: bool = True) -> User:
    """Give somebody one of `ROLES`, or take it away. It asks nobody's leave: operators and the code that seeds a site come here."""
    if role not in ROLES:
        raise Invalid(f"The roles are {', '.join(ROLES)}.", fields={"role": ["There is no such role."]})
    with transaction():
        setattr(user, f"is_{role}", is_held)
    return user
