"""Evently, an event-booking site: pages for attendees and organizers, JSON for integrators, one core below both.

Everything is imported when an application is made and not with the package: the launcher is part of it, needs none of
it, and is to start at once.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from config import Settings


def create_app(settings: Settings | None = None, *, serves: bool = True) -> Flask:
    """The Flask application, with its Celery application as `extensions["celery"]`.

    One that only works through tasks does not serve: it knows the addresses that its mails name, and is 8 MB smaller.
    """
    from flask import Flask

    from config import load_settings
    from evently.http import (
        body_limits,
        cors,
        error_handlers,
        proxies,
        rate_limits,
        request_bodies,
        request_ids,
        request_metrics,
        request_threads,
        security,
    )

    app = Flask(__name__)
    # Nothing here is async, and Flask asks that of every function at every request.
    app.ensure_sync = lambda func: func  # type: ignore[method-assign]
    app.config.from_object(settings or load_settings())
    # First, so that whatever others log has a name, and whatever they take is counted.
    request_ids.init_app(app)
    request_metrics.init_app(app)
    # Before anything is read of a request.
    rate_limits.init_app(app)
    # Nobody else looks at a request that is not for us.
    app.before_request(security.check_host)
    # Before anything reads the body: the check for forgery, the idempotency key.
    body_limits.init_app(app)
    _bind_extensions(app)
    _load_domain()
    _register_attendees_pages(app)
    if serves:
        _register_other_edges(app)
    security.init_app(app)
    request_threads.init_app(app)
    request_bodies.init_app(app)
    # In front of both: they count clients, and not proxies.
    proxies.init_app(app)
    cors.init_app(app)
    # Last, so that no extension answers errors in its own words.
    error_handlers.init_app(app)
    return app


def _bind_extensions(app: Flask) -> None:
    from evently import celery_app, tagged_cache
    from evently.extensions import cache, csrf, db, migrate
    from evently.http import idempotency, login, rate_limits
    from evently.http.sessions import PageSessions
    from evently.observability import statements

    db.init_app(app)
    statements.init_app(app)
    migrate.init_app(app)
    csrf.init_app(app)
    cache.init_app(app)
    tagged_cache.init_app(app)
    app.session_interface = PageSessions()
    login.init_app(app)
    # A response that is replayed counts for its network only.
    idempotency.init_app(app)
    app.before_request(rate_limits.count_request)
    celery_app.init_app(app)


def _load_domain() -> None:
    """Every table is known, and every domain listens to the ones below it."""
    from evently.accounts import cache_tags as _people  # noqa: F401
    from evently.bookings import cache_tags as _sales  # noqa: F401
    from evently.bookings import on_account_deletion as _leaving  # noqa: F401
    from evently.bookings import services as _bookings  # noqa: F401
    from evently.events import on_account_deletion as _organizers  # noqa: F401
    from evently.notifications import account_mails as _letters  # noqa: F401
    from evently.notifications import services as _notifications  # noqa: F401
    from evently.reporting import rollups as _figures  # noqa: F401


def _register_attendees_pages(app: Flask) -> None:
    """All that mails lead to."""
    from evently import web
    from evently.http import formatting, static_caching

    formatting.init_app(app)
    static_caching.init_app(app)
    web.init_app(app)


def _register_other_edges(app: Flask) -> None:
    from evently import api, cli, dashboard
    from evently.http import health, metrics

    dashboard.init_app(app)
    api.init_app(app)
    cli.init_app(app)
    health.init_app(app)
    app.register_blueprint(metrics.blueprint)
