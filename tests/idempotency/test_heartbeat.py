"""The lease of a long request is extended while its process works on it, and not afterwards."""

import datetime as dt
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from flask import Flask
from werkzeug.test import TestResponse

from evently.database import utc_now
from evently.events.models import TicketStock
from evently.extensions import db
from evently.idempotency import heartbeat, services
from evently.idempotency.heartbeat import Heartbeat
from evently.idempotency.models import IdempotentRequest
from evently.idempotency.services import Request
from tests.factories import auth, make_event, make_organizer
from tests.harness.site import fresh
from tests.idempotency.conftest import set_request


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "INTERVAL", 0.05)


def lease_until() -> dt.datetime:
    fresh()
    found: dt.datetime = db.session.scalars(sa.select(IdempotentRequest.lease_until)).one()
    return found


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def nearly_over() -> dt.datetime:
    return utc_now() + dt.timedelta(seconds=4)


def test_a_lease_is_extended_until_the_request_ends(app: Flask, key: str) -> None:
    beat = Heartbeat(app)
    claimed = services.claim(Request(who="anonymous", key=key, content=b"x"))
    soon = nearly_over()
    set_request(lease_until=soon)
    beat.begin(claimed.id)
    until(lambda: lease_until() > soon)
    beat.end(claimed.id)
    # An extension that had begun may still be written.
    time.sleep(0.3)
    soon = nearly_over()
    set_request(lease_until=soon)
    time.sleep(0.3)
    assert lease_until() == soon


def test_a_released_lease_is_not_extended(app: Flask, key: str) -> None:
    """Another process may have taken over."""
    claimed = services.claim(Request(who="anonymous", key=key, content=b"x"))
    services.release(claimed)
    released = lease_until()
    services.extend([claimed.id])
    assert lease_until() == released


@pytest.mark.parametrize("site", ["postgresql"], indirect=True)
def test_a_request_that_takes_longer_than_its_lease_is_carried_out_once(app: Flask, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "LEASE", dt.timedelta(seconds=2))
    organizer = make_organizer()
    event, headers = make_event(by=organizer, capacity=10), auth(organizer) | {"Idempotency-Key": key}

    def change() -> TestResponse:
        return app.test_client().put(f"/api/admin/events/{event.id}/", json={"capacity": 20}, headers=headers)

    with ThreadPoolExecutor() as pool:
        with db.engine.connect().execution_options(isolation_level="READ COMMITTED") as connection, connection.begin():
            # The request waits for this lock.
            connection.execute(sa.select(TicketStock).where(TicketStock.event_id == event.id).with_for_update())
            first = pool.submit(change)
            until(lambda: db.session.query(IdempotentRequest).count() == 1)
            begun = time.monotonic()
            while time.monotonic() < begun + 3:
                # In another thread: a request that took over would wait for the row that this one has locked.
                again = pool.submit(change).result(20)
                assert (again.status_code, again.json["details"]["code"]) == (409, "request_in_flight")
                time.sleep(0.1)
        assert first.result(20).status_code == 200
    assert change().headers["Idempotent-Replayed"] == "true"
