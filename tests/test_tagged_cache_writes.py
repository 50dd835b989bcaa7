"""Every write renews what is made of it, and nothing else."""

import pytest
import sqlalchemy as sa

from evently.accounts.cache_tags import user_tag
from evently.accounts.models import User
from evently.accounts.services import update_profile
from evently.bookings.cache_tags import SALES, sales_tag
from evently.bookings.models import Booking
from evently.bookings.services import cancel_booking
from evently.database import transaction
from evently.events.cache_tags import EVENTS, event_tag
from evently.events.models import Event
from evently.events.services import cancel_event, publish_event, update_event
from evently.extensions import db
from evently.tagged_cache import get_or_set
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
        "event": event_tag(event.id),
        "organizer": user_tag(event.organizer_id),
        "sales": (SALES,),
    }
    names_of_sales = sales_tag(event.id)
    for part in parts.split():
        apart(lambda part=part: get_or_set(f"{part}:", lambda: "old", tags=names[part], seconds=60))
        apart(lambda: get_or_set("event sales:", lambda: "old", tags=names_of_sales, seconds=60))
    write(event)
    for part in parts.split():
        assert apart(lambda part=part: get_or_set(f"{part}:", lambda: "new", tags=names[part], seconds=60)) == "new"
    if "sales" in parts:
        assert apart(lambda: get_or_set("event sales:", lambda: "new", tags=names_of_sales, seconds=60)) == "new"


@ON_POSTGRESQL
def test_what_has_nothing_to_do_with_it_stays(app):
    event, other = make_event(), make_event()
    user = make_user()
    kept = {"event:": event_tag(other.id), "person:": user_tag(user.id), "lists:": (EVENTS,)}
    for key, names in kept.items():
        get_or_set(key, lambda: "old", tags=names, seconds=60)
    make_booking(event=event)
    assert get_or_set("lists:", lambda: "new", tags=(EVENTS,), seconds=60) == "old"
    update_event(by=event.organizer, event_id=event.id, fields={"name": "New"})
    assert get_or_set("event:", lambda: "new", tags=event_tag(other.id), seconds=60) == "old"
    assert get_or_set("person:", lambda: "new", tags=user_tag(user.id), seconds=60) == "old"
