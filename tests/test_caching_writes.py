"""Every write renews what is made of it, and nothing else."""

import pytest
import sqlalchemy as sa

from evently.accounts.models import User
from evently.accounts.services import update_profile
from evently.accounts.versions import of_person
from evently.bookings.models import Booking
from evently.bookings.services import cancel_booking
from evently.bookings.versions import SALES, of_sales
from evently.caching import remember
from evently.database import transaction
from evently.events.models import Event
from evently.events.services import cancel_event, publish_event, update_event
from evently.events.versions import EVENTS, of_event
from evently.extensions import db
from tests.factories import make_booking, make_event, make_organizer, make_user
from tests.harness.site import apart

ON_POSTGRESQL = pytest.mark.parametrize("site", ["postgresql"], indirect=True)


# (what is done, the names that must change); others may change too
def _rename_organizer(event: Event) -> None:
    with transaction():
        db.session.get(User, event.organizer_id).username = "somebody.else"


def _rename_all(_event: Event) -> None:
    with transaction():
        db.session.execute(sa.update(Event).values(name="All"))


def _suspend_all(_event: Event) -> None:
    with transaction():
        db.session.execute(sa.update(User).values(is_active=False))


def _book(event: Event) -> None:
    make_booking(event=event)


def _give_back(event: Event) -> None:
    booking = db.session.scalars(sa.select(Booking)).first()
    cancel_booking(by=booking.user, booking_id=booking.id)


WRITES = {
    "a new event": (lambda _: make_event(), "lists"),
    "an event renamed": (lambda e: update_event(by=e.organizer, event_id=e.id, fields={"name": "New"}), "lists event"),
    "more seats": (lambda e: update_event(by=e.organizer, event_id=e.id, fields={"capacity": 99}), "lists event"),
    "an event cancelled": (lambda e: cancel_event(by=e.organizer, event_id=e.id), "lists event sales"),
    "a draft published": (lambda e: publish_event(by=e.organizer, event_id=e.id), "lists event"),
    "its organizer renamed": (_rename_organizer, "lists event organizer"),
    "its organizer's address": (lambda e: update_profile(user=e.organizer, profile={"address": "There"}), "organizer"),
    "a statement over all events": (_rename_all, "lists event"),
    "a statement over all people": (_suspend_all, "lists event organizer"),
    "a booking decided": (_book, "sales"),
    "a booking cancelled": (_give_back, "sales"),
}


@pytest.mark.parametrize("name", WRITES)
def test_every_write_renews_what_it_changes(app, name):
    write, parts = WRITES[name]
    event = make_event(by=make_organizer(), status="draft" if "draft" in name else "published")
    if "draft" not in name:
        make_booking(event=event)
    names = {
        "lists": (EVENTS,),
        "event": of_event(event.id),
        "organizer": of_person(event.organizer_id),
        "sales": (SALES,),
    }
    names_of_sales = of_sales(event.id)
    for part in parts.split():
        apart(lambda part=part: remember(f"{part}:", lambda: "old", of=names[part], seconds=60))
        apart(lambda: remember("event sales:", lambda: "old", of=names_of_sales, seconds=60))
    write(event)
    for part in parts.split():
        assert apart(lambda part=part: remember(f"{part}:", lambda: "new", of=names[part], seconds=60)) == "new"
    if "sales" in parts:
        assert apart(lambda: remember("event sales:", lambda: "new", of=names_of_sales, seconds=60)) == "new"


@ON_POSTGRESQL
def test_what_has_nothing_to_do_with_it_stays(app):
    event, other = make_event(), make_event()
    user = make_user()
    kept = {"event:": of_event(other.id), "person:": of_person(user.id), "lists:": (EVENTS,)}
    for key, names in kept.items():
        remember(key, lambda: "old", of=names, seconds=60)
    make_booking(event=event)
    assert remember("lists:", lambda: "new", of=(EVENTS,), seconds=60) == "old"
    update_event(by=event.organizer, event_id=event.id, fields={"name": "New"})
    assert remember("event:", lambda: "new", of=of_event(other.id), seconds=60) == "old"
    assert remember("person:", lambda: "new", of=of_person(user.id), seconds=60) == "old"
