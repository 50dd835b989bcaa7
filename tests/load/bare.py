"""The yardstick: a Flask view that parses the JSON and inserts one row through SQLAlchemy Core in autocommit.

Served by the same server with the same workers and threads as the site, into the same table; what the site takes longer
is what it does besides: who asks, limits, rules, the wake-up, the decision and its mail. `/narrow/` inserts into a table
of five columns with no index but its key, to tell how much of the yardstick is the table.
"""

import uuid

from flask import Flask, Response, jsonify, request
from sqlalchemy import Column, DateTime, Integer, MetaData, String, Table, Uuid, create_engine, insert

from config import load_settings
from evently.bookings.models import FAILED, Booking
from evently.database import utc_now
from evently.http.request_threads import RequestThreads

narrow = Table(
    "bench_rows",
    MetaData(),
    Column("id", Uuid, primary_key=True),
    Column("event_id", Uuid, nullable=False),
    Column("ticket_count", Integer, nullable=False),
    Column("status", String(20), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
)


def create_bare() -> Flask:
    settings = load_settings()
    # The options hold autocommit.
    engine = create_engine(settings.SQLALCHEMY_DATABASE_URI, **settings.SQLALCHEMY_ENGINE_OPTIONS)
    app = Flask(__name__)
    # As many requests at once as the site runs.
    app.wsgi_app = RequestThreads(app.wsgi_app, settings.REQUEST_THREADS)  # type: ignore[method-assign]

    @app.get("/healthz")
    def alive() -> str:
        return "ok"

    @app.post("/rows/")
    def insert_booking() -> tuple[Response, int]:
        sent = request.get_json()
        values = {
            "id": uuid.uuid4(),
            "event_id": uuid.UUID(sent["event_id"]),
            "ticket_type_id": uuid.UUID(sent["ticket_type_id"]),
            "user_id": sent["user_id"],
            "ticket_count": sent["number_of_tickets"],
            "total_amount": 12,
            "currency": "EUR",
            # Nobody is to decide it.
            "status": FAILED,
            "failure_code": "sold_out",
            "booking_date": utc_now(),
            "decided_at": utc_now(),
        }
        with engine.connect() as connection:
            connection.execute(insert(Booking).values(values))
        return jsonify(id=values["id"], status=values["status"]), 201

    @app.post("/narrow/")
    def insert_narrow() -> tuple[Response, int]:
        sent = request.get_json()
        values = {
            "id": uuid.uuid4(),
            "event_id": uuid.UUID(sent["event_id"]),
            "ticket_count": sent["number_of_tickets"],
            "status": FAILED,
            "created_at": utc_now(),
        }
        with engine.connect() as connection:
            connection.execute(insert(narrow).values(values))
        return jsonify(id=values["id"], status=values["status"]), 201

    return app
