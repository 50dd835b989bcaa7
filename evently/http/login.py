"""Who is asking, for pages: whoever the session on the server belongs to. The API has its own tokens and ignores cookies."""

from typing import NoReturn, cast

from flask import Flask, session
from flask_login import current_user, login_user, logout_user

from evently.accounts import services
from evently.accounts.models import User
from evently.accounts.queries import find_user
from evently.accounts.recovery import require_password
from evently.errors import NotAuthenticated
from evently.extensions import login_manager
from evently.http import backoff
from evently.http.sessions import PERSON, page_session
from evently.observability import context


def init_app(app: Flask) -> None:
    # People change networks on their way; the session's id is what counts.
    login_manager.session_protection = None
    login_manager.init_app(app)


@login_manager.user_loader  # type: ignore[untyped-decorator]
def load_user(user_id: str) -> User | None:
    user = find_user(int(user_id))
    context.note(user_id=user_id)
    return user if user and user.is_active else None


def authenticate(*, login: str, password: str) -> User:
    """As the service does it, but slower with every wrong guess. Raises NotAuthenticated, TooManyRequests."""
    with backoff.guess(login):
        return services.authenticate(login=login, password=password)


def check_password(user: User, password: str, field: str = "password") -> None:
    """Raises Invalid, naming the field, unless it is theirs; TooManyRequests after too many guesses."""
    with backoff.guess(user.username):
        require_password(user=user, password=password, field=field)


def sign_in(user: User, *, remember: bool = False) -> None:
    """From here on this browser is theirs; `remember`: for weeks, and after it was closed."""
    if session.get(PERSON, str(user.id)) != str(user.id):
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
def ask_to_log_in() -> NoReturn:
    raise NotAuthenticated("Log in first.")
