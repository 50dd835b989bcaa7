"""A booking that an organizer adds for an attendee by e-mail address."""

import uuid

import pytest
import sqlalchemy as sa

from evently.accounts.models import User
from evently.accounts.queries import find_user_by_login, get_user
from evently.audit.models import AuditEntry
from evently.bookings import manual_bookings
from evently.bookings.manual_bookings import add_booking
from evently.bookings.models import Booking
from evently.database import utc_now
from evently.errors import Conflict, Invalid, NotAllowed
from evently.extensions import db
from evently.notifications.models import Mail
from tests.factories import decide, in_days, make_event, make_organizer, make_staff, make_user, reload
from tests.harness.concurrency import at_once
from tests.harness.site import fresh, on_sqlite


@pytest.fixture
def event(mira):
    return make_event(by=mira, max_tickets_per_booking=2, sales_start=in_days(5))


def add(by, event, email, tickets=1, first_name="Ada", **more):
    return add_booking(by=by, event_id=event.id, email=email, tickets=tickets, first_name=first_name, **more)


def confirmed_user(**values):
    return make_user(email_confirmed_at=utc_now(), **values)


@on_sqlite
def test_the_owner_of_the_address_gets_it_by_mail(mira, event):
    ada = confirmed_user(email="ada@example.org")
    for by, email in ((make_staff(email_confirmed_at=utc_now()), "ADA@example.org"), (mira, " ada@Example.org ")):
        # More than the site sells in one booking, and before it sells any.
        booking = add(by, event, email, tickets=4)
        assert (booking.status, booking.user_id, booking.added_by_id) == ("processing", ada.id, by.id)
    decide(event)
    assert reload(booking).status == "confirmed"
    assert db.session.scalars(sa.select(Mail.to_address).where(Mail.booking_id == booking.id)).all() == ["ada@example.org"]


@on_sqlite
def test_an_address_without_an_account_gets_one_without_a_password_and_keeps_it(mira, event):
    booking = add(mira, event, "new.person@example.org", first_name="New", last_name="Person")
    guest = booking.user
    assert (guest.email, guest.is_active, guest.has_password, guest.email_confirmed_at) == ("new.person@example.org", True, False, None)
    # The name is the organizer's word for them, not their profile.
    assert (guest.first_name, guest.last_name, guest.username[:10]) == ("", "", "newperson-")
    assert booking.contact.name == "New Person"
    assert add(mira, event, "New.Person@example.org", last_name="Other").user_id == guest.id


@on_sqlite
@pytest.mark.parametrize(
    ("values", "field", "sentence"),
    [
        ({"email": ""}, "email", "Enter an e-mail address"),
        ({"email": "ada"}, "email", "Enter an e-mail address"),
        ({"email": "no address@"}, "email", "Enter an e-mail address"),
        ({"email": "ada\0@example.org"}, "email", "Enter an e-mail address"),
        ({"first_name": " "}, "first_name", "Enter a first or last name."),
        ({"first_name": "x" * 151}, "first_name", "at most 150"),
        ({"last_name": "a\0b"}, "last_name", "control characters"),
        ({"tickets": 0}, "tickets", "1 ticket or more"),
        ({"tickets": 11}, "tickets", "Only 10 seats are left."),
    ],
)
def test_what_is_refused(mira, event, values, field, sentence):
    with pytest.raises(Invalid) as refusal:
        add_booking(by=mira, event_id=event.id, **{"email": "ada@example.org", "first_name": "Ada", "tickets": 1} | values)
    assert sentence in refusal.value.fields[field][0]
    assert db.session.scalar(sa.select(sa.func.count()).where(User.email == "ada@example.org")) == 0


@on_sqlite
def test_either_name_is_enough(mira, event):
    assert add(mira, event, "ada@example.org", first_name="", last_name="Lovelace").contact.name == "Lovelace"


@on_sqlite
def test_never_over_capacity_nor_over_the_limit_of_a_person(mira):
    event = make_event(by=mira, capacity=3, max_tickets_per_user=2)
    add(mira, event, "ada@example.org", tickets=2)
    with pytest.raises(Invalid, match=r"ada@example\.org already has 2"):
        add(mira, event, "Ada@example.org")
    first, second = (add(mira, event, f"{name}@example.org") for name in ("bo", "cora"))
    decide(event)
    assert [reload(booking).status for booking in (first, second)] == ["confirmed", "failed"]


@on_sqlite
def test_only_where_there_is_something_to_book(mira):
    for fields in ({"status": "draft"}, {"status": "cancelled"}, {"time": in_days(-1)}):
        with pytest.raises(Conflict):
            add(mira, make_event(by=mira, **fields), "ada@example.org")
    for person in (make_user(), make_organizer(), make_organizer(email_confirmed_at=None)):
        with pytest.raises(NotAllowed):
            add(person, make_event(by=mira), "ada@example.org")


@on_sqlite
def test_the_same_wish_twice_is_one_booking_even_where_the_first_took_all_seats(mira, event):
    wish = {"by": mira, "event_id": event.id, "email": "new@example.org", "first_name": "New", "tickets": 10, "booking_id": uuid.uuid4()}
    first = add_booking(**wish)
    decide(event)
    again = add_booking(**wish)
    assert (again.id, again.status, reload(first).event.available_tickets) == (wish["booking_id"], "confirmed", 0)
    assert entries() == 1
    # Another event's booking is no excuse.
    with pytest.raises(Invalid):
        add_booking(**wish | {"event_id": make_event(by=mira, capacity=5).id})


@on_sqlite
def test_what_fails_leaves_nothing_behind(mira, event, monkeypatch):
    def fail(*_):
        raise RuntimeError

    monkeypatch.setattr(manual_bookings.wakeups, "plan", fail)
    with pytest.raises(RuntimeError):
        add_booking(by=mira, event_id=event.id, email="new@example.org", first_name="New", tickets=1)
    assert (find_user_by_login("new@example.org"), entries(), db.session.scalar(sa.select(Booking.id))) == (None, 0, None)


def test_two_who_add_the_same_new_person_at_once(app, mira, event):
    mira_id, event_id = mira.id, event.id
    wish = {"event_id": event_id, "email": "new@example.org", "first_name": "New", "tickets": 1}
    ids = [uuid.uuid4(), uuid.uuid4(), None]
    ids[2] = ids[0]
    added = at_once(app, [lambda id_=id_: add_booking(by=get_user(mira_id), **wish, booking_id=id_).user_id for id_ in ids])
    fresh()
    assert added == [find_user_by_login("new@example.org").id] * 3
    assert (entries(), db.session.scalar(sa.select(sa.func.count()).select_from(Booking))) == (2, 2)


def entries():
    return db.session.scalar(sa.select(sa.func.count()).where(AuditEntry.action == "event.booking_added"))
