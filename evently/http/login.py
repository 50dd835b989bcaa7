"""Who is asking, for pages: the cookie session of Flask-Login. The API has its own tokens and ignores cookies."""

from typing import NoReturn, cast

from flask import Flask
from flask_login import current_user

from evently.accounts.models import User
from evently.accounts.queries import find_user
from evently.errors import NotAuthenticated
from evently.extensions import login_manager


def init_app(app: Flask) -> None:
    login_manager.init_app(app)


@login_manager.user_loader  # type: ignore[untyped-decorator]
def load_user(user_id: str) -> User | None:
    user = find_user(int(user_id))
    return user if user and user.is_active else None


def signed_in_user() -> User:
    """Who is asking, for views that nobody else may see. Raises NotAuthenticated, which leads to the login page."""
    if not current_user.is_authenticated:
        raise NotAuthenticated("Log in first.")
    return cast("User", current_user._get_current_object())  # noqa: SLF001 - Werkzeug's documented way to the object itself


@login_manager.unauthorized_handler  # type: ignore[untyped-decorator]
def ask_to_log_in() -> NoReturn:
    raise NotAuthenticated("Log in first.")
