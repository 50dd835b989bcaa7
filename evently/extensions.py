"""The Flask extensions, not yet bound to an application; `create_app` binds them."""

from flask_caching import Cache
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect

from evently import forgiving as _forgiving  # noqa: F401 - makes its scheme known
from evently.database import Base


class Counters(Limiter):
    """Keeps the counters; http/limits.py says what counts, so there is nothing to look up at each request."""

    def _check_request_limit(self, *_: object, **__: object) -> None:
        """Nothing."""


# Objects stay usable after commit: a page renders what the service returned without asking the database again.
db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})
migrate = Migrate(render_as_batch=True)
login_manager = LoginManager()
csrf = CSRFProtect()
cache = Cache()
limiter = Counters(key_func=get_remote_address)
