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

    A worker that runs tasks only passes serves=False: it can build the URLs in e-mails, and takes 8 MB less.
    """
    from flask import Flask

    from config import load_settings

    app = Flask(__name__)
    # No function here is async, and Flask would check that for every function at every request.
    app.ensure_sync = lambda func: func  # type: ignore[method-assign]
    app.config.from_object(settings or load_settings())
    _register_first_hooks(app)
    _bind_extensions(app)
    _load_domain()
    _register_attendees_pages(app)
    if serves:
        _register_other_edges(app)
    _register_last_hooks(app)
    return app


def _register_first_hooks(app: Flask) -> None:
    from evently.http import body_limits, rate_limits, request_ids, request_metrics, security

    # First, so that all log lines have the request's id and its whole duration is measured.
    request_ids.init_app(app)
    request_metrics.init_app(app)
    # Before anything of the request is read.
    rate_limits.init_app(app)
    app.before_request(security.check_host)
    # Before CSRF protection and idempotency keys, which read the body.
    body_limits.init_app(app)


def _register_last_hooks(app: Flask) -> None:
    from evently.http import cors, error_handlers, proxies, request_bodies, request_threads, security

    security.init_app(app)
    request_threads.init_app(app)
    request_bodies.init_app(app)
    # Around the two above, which count clients and not proxies.
    proxies.init_app(app)
    cors.init_app(app)
    # After the extensions, whose error handlers these replace.
    error_handlers.init_app(app)


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
