"""Who is asking, for pages: whoever the session on the server belongs to. The API has its own tokens and ignores cookies."""

from contextlib import suppress
from typing import NoReturn, cast

from flask import Flask, session
from flask_login import current_user, login_user, logout_user

from evently.accounts import services
from evently.accounts.models import User
from evently.accounts.password_reset import require_password
from evently.accounts.queries import find_user
from evently.accounts.validation import ProfileFields
from evently.errors import NotAuthenticated
from evently.extensions import login_manager
from evently.http import login_throttle
from evently.http.idempotency import is_repeated
from evently.http.sessions import USER_KEY, page_session
from evently.observability import context


def init_app(app: Flask) -> None:
    # People change networks on their way; the session's id is what counts.
    login_manager.session_protection = None
    login_manager.init_app(app)


@login_manager.user_loader  # type: ignore[untyped-decorator]
def load_user(user_id: str) -> User | None:
    user = find_user(int(user_id))
    context.bind(user_id=user_id)
    return user if user and user.is_active else None


def register(*, username: str, password: str, profile: ProfileFields, reveals_taken: bool = True) -> User:
    """As the service does it; repeated, the account that was made the first time, if this is its password."""
    if is_repeated():
        with suppress(NotAuthenticated):
            return authenticate(login=username, password=password)
    user = services.register(username=username, password=password, profile=profile, reveals_taken=reveals_taken)
    login_throttle.know_network(user)
    return user


def authenticate(*, login: str, password: str) -> User:
    """As the service does it, but slower with every wrong password. Raises NotAuthenticated, TooManyRequests."""
    with login_throttle.attempt(login):
        user = services.authenticate(login=login, password=password)
    login_throttle.know_network(user)
    return user


def check_password(user: User, password: str, field: str = "password") -> None:
    """Raises Invalid, naming the field, unless it is theirs; TooManyRequests after too many wrong ones."""
    with login_throttle.attempt(user.username):
        require_password(user=user, password=password, field=field)
    login_throttle.know_network(user)


def sign_in(user: User, *, remember: bool = False) -> None:
    """From here on this browser is theirs; `remember`: for weeks, and after it was closed."""
    if session.get(USER_KEY, str(user.id)) != str(user.id):
        # Nothing of whoever was signed in before.
        session.clear()
    page_session().renew(is_remembered=remember)
    login_user(user)


def sign_out() -> None:
    logout_user()
    session.clear()
    page_session().renew()


def signed_in_user() -> User:
    """Who is asking, for views that nobody else may see. Raises NotAuthenticated, which leads to the login page."""
    if not current_user.is_authenticated:
        raise NotAuthenticated("Log in first.")
    return cast("User", current_user._get_current_object())  # noqa: SLF001 - Werkzeug's documented way to the object itself


@login_manager.unauthorized_handler  # type: ignore[untyped-decorator]
def raise_not_authenticated() -> NoReturn:
    raise NotAuthenticated("Log in first.")
