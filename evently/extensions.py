"""The Flask extensions, not yet bound to an application; `create_app` binds them."""

from typing import Any

from flask import Flask, Response
from flask_caching import Cache
from flask_limiter import Limiter
from flask_login import LoginManager
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect

from evently import forgiving as _forgiving  # noqa: F401 - makes its scheme known
from evently.database import Base


class HooklessLimiter(Limiter):
    """Keeps the counters; http/rate_limits.py says what counts, so there is nothing to look up at each request."""

    def init_app(self, app: Flask) -> None:
        hooks: tuple[dict[Any, list[Any]], ...] = (app.before_request_funcs, app.after_request_funcs, app.teardown_request_funcs)
        others = [list(functions[None]) for functions in hooks]
        super().init_app(app)
        for functions, kept in zip(hooks, others, strict=True):
            functions[None] = kept


class SessionOnlyLoginManager(LoginManager):  # type: ignore[misc] # Flask-Login has no types
    """Knows people by their session alone: what Flask-Login remembers by itself is a cookie that nobody could end."""

    def _load_user_from_remember_cookie(self, _cookie: str) -> None:
        """Nobody."""

    def _update_remember_cookie(self, response: Response) -> Response:
        return response


class ReadableMigrate:
    """What Flask-Migrate looks for in an application, there when it does: with Alembic it is 8 MB that no request needs."""

    def init_app(self, app: Flask) -> None:
        self._app = app
        app.extensions["migrate"] = self

    def __getattr__(self, name: str) -> Any:
        # Only asked for what this object lacks, which is all that Flask-Migrate keeps here.
        from flask_migrate import Migrate  # noqa: PLC0415

        Migrate(self._app, db, render_as_batch=True)
        return getattr(self._app.extensions["migrate"], name)


# Objects stay usable after commit: a page renders what the service returned without asking the database again.
db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})
migrate = ReadableMigrate()
login_manager = SessionOnlyLoginManager()
csrf = CSRFProtect()
cache = Cache()
# The function is never called: http/rate_limits.py says for whom a request is counted.
limiter = HooklessLimiter(key_func=str)
