"""Who is asking, for pages: the cookie session of Flask-Login. The API has its own tokens and ignores cookies."""

from typing import NoReturn

from flask import Flask

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


@login_manager.unauthorized_handler  # type: ignore[untyped-decorator]
def ask_to_log_in() -> NoReturn:
    raise NotAuthenticated("Log in first.")
