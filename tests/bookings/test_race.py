"""Many at once for few seats, through a real web server and real workers."""

import collections
import http.client
import json
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from evently.bookings.consistency import check
from evently.bookings.models import Booking
from evently.database import transaction
from evently.extensions import db
from tests.factories import api_token, make_event, make_user
from tests.harness.concurrency import wait_until
from tests.harness.site import fresh

BUYERS, SEATS = 200, 50


def test_two_hundred_people_want_fifty_seats(app, live_server):
    event = make_event(capacity=SEATS)
    with transaction():
        people = [make_user() for _ in range(BUYERS)]
    with transaction():
        tokens = [api_token(person) for person in people]

    answers = all_at_once(live_server, tokens, event.id)

    accepted = {answer["id"] for status, answer in answers if status == 201}
    refusals = collections.Counter((status, answer["details"]["code"]) for status, answer in answers if status != 201)
    assert set(refusals) <= {(409, "sold_out")}
    assert len(accepted) + refusals.total() == BUYERS
    wait_until(nobody_waits, what="deciding everybody")

    kept = db.session.execute(sa.select(Booking.id, Booking.status, Booking.failure_code).order_by(Booking.seq)).all()
    assert {str(id_) for id_, _, _ in kept} == accepted
    states = collections.Counter((status, code) for _, status, code in kept)
    assert states == {("confirmed", None): SEATS} | ({("failed", "sold_out"): len(kept) - SEATS} if len(kept) > SEATS else {})
    # Those who came first have the seats.
    assert [status for _, status, _ in kept] == ["confirmed"] * SEATS + ["failed"] * (len(kept) - SEATS)
    assert event.reserved_tickets == SEATS
    assert list(check()) == []


def all_at_once(address: str, tokens: list[str], event_id: uuid.UUID) -> list[tuple[int, Any]]:
    """One booking request with each token, sent at the same moment: (status, answer)."""
    start = threading.Barrier(len(tokens))
    server = urlsplit(address).netloc
    body = json.dumps({"event_id": str(event_id), "number_of_tickets": 1})

    def ask(token: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(server, timeout=60)
        connection.connect()
        start.wait(timeout=60)
        headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}
        connection.request("POST", "/api/bookings/", body, headers)
        response = connection.getresponse()
        answer = response.status, json.loads(response.read())
        connection.close()
        return answer

    with ThreadPoolExecutor(len(tokens)) as pool:
        return list(pool.map(ask, tokens))


def nobody_waits() -> bool:
    fresh()
    return db.session.scalar(sa.select(sa.func.count()).where(Booking.status.in_(["pending", "processing"]))) == 0
