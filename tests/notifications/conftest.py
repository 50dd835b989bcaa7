import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

import pytest
from flask import Flask

from evently.accounts.models import User
from evently.bookings.models import Booking
from evently.database import utc_now
from evently.events.models import Event
from evently.notifications import wakeups
from tests.factories import make_booking, make_event, make_organizer, make_user
from tests.notifications.outbox_helpers import PostOffice


@pytest.fixture
def post_office(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[PostOffice]:
    """The site's mail server; it has not begun to listen."""
    office = PostOffice()
    monkeypatch.setitem(app.config, "EMAIL_HOST", office.host)
    monkeypatch.setitem(app.config, "EMAIL_PORT", office.port)
    yield office
    office.stop()


@pytest.fixture
def open_office(post_office: PostOffice) -> PostOffice:
    """The site's mail server, listening."""
    post_office.start()
    return post_office


@pytest.fixture
def concert(app: Flask) -> Event:
    organizer = make_organizer(first_name="Verein für", last_name="ungewöhnliche Räume e. V.", email_confirmed_at=utc_now())
    return make_event(
        by=organizer,
        name="Nachtkonzert — im Gasometer",
        venue="Gaswerk Nord, Halle 2, Leipzig",
        timezone="Europe/Berlin",
        time=dt.datetime(2031, 11, 28, 19, 30, tzinfo=dt.UTC),
        category="music",
        price_per_ticket=Decimal(24),
        capacity=3,
    )


@pytest.fixture
def mira(app: Flask) -> User:
    return make_user(first_name="Mira", last_name="Tälberg", email="mira@talberg.example", email_confirmed_at=utc_now())


@pytest.fixture
def booking(concert: Event, mira: User) -> Booking:
    return make_booking(user=mira, event=concert, tickets=2)


@pytest.fixture(autouse=True)
def no_wake_up_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """No message of an earlier test is shared."""
    monkeypatch.setattr(wakeups, "_latest", float("-inf"))
