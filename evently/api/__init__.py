"""JSON for integrators, over the same services as the pages."""

from flask import Flask

from evently.extensions import csrf
from evently.http import json


def init_app(app: Flask) -> None:
    # Imported late: these modules add their addresses to the blueprint.
    from evently.api import accounts, admin, bookings, check_in, events, health, reporting, users  # noqa: F401, PLC0415
    from evently.api.again import Again  # noqa: PLC0415
    from evently.api.docs_page import pages  # noqa: PLC0415
    from evently.api.endpoint import blueprint  # noqa: PLC0415
    from evently.api.openapi import reference  # noqa: PLC0415

    json.init_app(app)
    # No other site can make a browser send a token, and cookies are never read.
    csrf.exempt(blueprint)
    described = reference(app)
    described.register_blueprint(blueprint)
    app.register_blueprint(pages(described))
    # For clients that would rather name the version.
    app.register_blueprint(blueprint, name="api_v1", url_prefix="/api/v1")
    again = Again(app)
    app.after_request(again.learn)
    app.wsgi_app = again  # type: ignore[method-assign] # WSGI's way to stand in front
