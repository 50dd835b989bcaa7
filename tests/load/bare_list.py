"""The yardstick for reads: a Flask view that writes 20 events as JSON, which it has at hand as Python values.

Served by the same server with the same workers and threads as the site; what the site takes longer is what it does
besides: limits, headers, whether what is kept is still true.
"""

from flask import Flask, Response, jsonify

from config import Settings
from evently.http.request_threads import RequestThreads

EVENT = {
    "id": "0b1f5c1e-6f3a-4b6e-9e55-8d3c1c1f2a77",
    "name": "Golden Rivers: Concert 500001",
    "venue": "Arena 12, Bremen",
    "time": "2027-01-01T19:30:00Z",
    "capacity": 200,
    "available_tickets": 180,
    "price_per_ticket": 12.5,
    "description": "Concert about golden rivers. Doors open an hour before. Number 500001 of the series.",
    "organizer": "load-1a2b3c-17",
}


def create_bare() -> Flask:
    app = Flask(__name__)
    # As many requests at once as the site runs.
    app.wsgi_app = RequestThreads(app.wsgi_app, Settings.REQUEST_THREADS)  # type: ignore[method-assign]
    page = {"count": 1_000_000, "next": "http://localhost/api/user/events/?page=2", "previous": None, "results": [EVENT] * 20}

    @app.get("/healthz")
    def alive() -> str:
        return "ok"

    @app.get("/rows/")
    def rows() -> Response:
        return jsonify(page)

    return app
