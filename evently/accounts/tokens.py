"""Keys to the JSON API: made, used, taken back."""

import secrets

from sqlalchemy import delete, literal, select, update

from evently.accounts import keyring, queries
from evently.accounts.models import ApiToken, User
from evently.accounts.services import locked
from evently.database import transaction, utc_now
from evently.errors import Invalid, NotAuthenticated, NotFound
from evently.extensions import db
from evently.text import has_control_characters

# seconds; a token's last use is written at most this often, so that reading costs no write
LAST_USE_PRECISION = 60
# characters
LONGEST_NAME = 100


def issue_token(*, user: User, name: str = "") -> str:
    """A new key to the API: 160 random bits, shown this once and stored as a hash only."""
    token = secrets.token_hex(20)
    with transaction() as session:
        session.add(ApiToken(user_id=user.id, name=name[:LONGEST_NAME], token_sha256=queries.token_sha256(token)))
    return token


def issue_named_token(*, user: User, name: str) -> str:
    """As `issue_token`, with a name that tells it from this person's others. Raises Invalid."""
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or has_control_characters(name):
        raise Invalid("Please correct the marked fields.", fields={"name": [f"Give it a name of 1 to {LONGEST_NAME} characters."]})
    with transaction() as session:
        # One at a time, so that two of one name do not come at once.
        locked(user.id)
        if session.scalar(select(ApiToken.id).where(ApiToken.user_id == user.id, ApiToken.name == name).limit(1)):
            raise Invalid("Please correct the marked fields.", fields={"name": ["You have a token of this name already."]})
        return issue_token(user=user, name=name)


def revoke_token(*, token: ApiToken) -> None:
    with transaction() as session:
        session.execute(delete(ApiToken).where(ApiToken.id == token.id))


def revoke_own_token(*, user: User, token_id: int) -> None:
    """Raises NotFound for what is not one of this person's tokens."""
    with transaction() as session:
        statement = delete(ApiToken).where(ApiToken.id == token_id, ApiToken.user_id == user.id).returning(ApiToken.id)
        if not session.scalars(statement).all():
            raise NotFound("There is no such token; it may be revoked already.")


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
