"""Evently, an event-booking site: pages for attendees and organizers, JSON for integrators, one core below both."""

from flask import Flask

from config import Settings, load_settings
from evently import worker
from evently.extensions import cache, csrf, db, limiter, migrate
from evently.http import error_handlers, health, login, security


def create_app(settings: Settings | None = None) -> Flask:
    """The Flask application, with its Celery application as `extensions["celery"]`."""
    app = Flask(__name__)
    app.config.from_object(settings or load_settings())
    _bind_extensions(app)
    _load_domain()
    _register_edges(app)
    security.init_app(app)
    # Last, so that no extension answers errors in its own words.
    error_handlers.init_app(app)
    return app


def _bind_extensions(app: Flask) -> None:
    db.init_app(app)
    migrate.init_app(app, db)
    csrf.init_app(app)
    cache.init_app(app)
    limiter.init_app(app)
    login.init_app(app)
    worker.init_app(app)


def _load_domain() -> None:
    """Every table is known, and every domain listens to the ones below it."""
    from evently.bookings import services as _bookings  # noqa: F401, PLC0415
    from evently.notifications import services as _notifications  # noqa: F401, PLC0415


def _register_edges(app: Flask) -> None:
    from evently import api, cli, dashboard, web  # noqa: PLC0415 - they need the extensions bound above
    from evently.http import formatting  # noqa: PLC0415

    formatting.init_app(app)
    web.init_app(app)
    dashboard.init_app(app)
    api.init_app(app)
    cli.init_app(app)
    app.register_blueprint(health.blueprint)
