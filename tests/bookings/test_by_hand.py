"""A booking that an organizer writes down for somebody."""

import uuid

import pytest
import sqlalchemy as sa

from evently.accounts.queries import find_user_by_login, get_user
from evently.audit.models import AuditEntry
from evently.bookings import by_hand
from evently.bookings.by_hand import add_booking
from evently.bookings.models import Booking
from evently.errors import Conflict, Invalid, NotAllowed
from evently.extensions import db
from evently.notifications.models import Mail
from tests.factories import decide, in_days, make_event, make_organizer, make_staff, make_user, reload
from tests.harness.concurrency import at_once
from tests.harness.site import fresh, on_sqlite


@pytest.fixture
def event(mira):
    return make_event(by=mira, max_tickets_per_booking=2, sales_start=in_days(5))


@on_sqlite
def test_for_somebody_with_an_account_who_is_told_by_mail(mira, event):
    ada = make_user(username="ada", email="ada@example.org")
    for by, login in ((make_staff(), "ADA"), (mira, " ada@Example.org ")):
        # More than the site sells in one booking, and before it sells any.
        booking = add_booking(by=by, event_id=event.id, login=login, tickets=4)
        assert (booking.status, booking.user_id) == ("processing", ada.id)
    decide(event)
    assert reload(booking).status == "confirmed"
    assert db.session.scalars(sa.select(Mail.to_address).where(Mail.booking_id == booking.id)).all() == ["ada@example.org"]


@on_sqlite
def test_a_new_person_gets_an_account_that_waits_for_them(mira, event):
    booking = add_booking(by=mira, event_id=event.id, login="new.person@example.org", first_name="New", last_name="Person", tickets=1)
    person = find_user_by_login("new.person@example.org")
    assert (booking.user_id, person.full_name, person.is_active, person.email_confirmed_at) == (person.id, "New Person", True, None)
    assert person.username.startswith("newperson-")
    again = add_booking(by=mira, event_id=event.id, login="new.person@example.org", tickets=1)
    assert again.user_id == person.id


@on_sqlite
@pytest.mark.parametrize(
    ("wish", "field", "sentence"),
    [
        ({"login": ""}, "login", "Enter a username"),
        ({"login": "nobody", "by": None}, "login", "Nobody has this username."),
        ({"login": "ada"}, "login", "Enter their e-mail address."),
        ({"login": "new@example.org"}, "first_name", "Enter a name"),
        ({"login": "no address@", "first_name": "X"}, "login", "e-mail address"),
        ({"login": "gone@example.org"}, "login", "suspended"),
        ({"login": "ada@example.org", "tickets": 0}, "tickets", "1 ticket or more"),
        ({"login": "ada@example.org", "tickets": 11}, "tickets", "Only 10 seats are left."),
    ],
)
def test_what_is_refused(mira, event, wish, field, sentence):
    make_user(username="ada", email="ada@example.org")
    make_user(username="gone", email="gone@example.org", is_active=False)
    by = make_staff() if "by" in wish else mira
    with pytest.raises(Invalid) as refusal:
        add_booking(event_id=event.id, **{"tickets": 1} | wish | {"by": by})
    assert sentence in refusal.value.fields[field][0]


@on_sqlite
def test_never_over_capacity_nor_over_the_limit_of_a_person(mira):
    event = make_event(by=mira, capacity=3, max_tickets_per_user=2)
    make_user(email="ada@example.org")
    add_booking(by=mira, event_id=event.id, login="ada@example.org", tickets=2)
    with pytest.raises(Invalid, match="already has 2"):
        add_booking(by=mira, event_id=event.id, login="ada@example.org", tickets=1)
    first, second = (add_booking(by=mira, event_id=event.id, login=make_user().email, tickets=1) for _ in range(2))
    decide(event)
    assert [reload(booking).status for booking in (first, second)] == ["confirmed", "failed"]


@on_sqlite
def test_only_where_there_is_something_to_book(mira):
    ada = make_user(username="ada")
    for fields in ({"status": "draft"}, {"status": "cancelled"}, {"time": in_days(-1)}):
        with pytest.raises(Conflict):
            add_booking(by=mira, event_id=make_event(by=mira, **fields).id, login="ada", tickets=1)
    for person in (ada, make_organizer()):
        with pytest.raises(NotAllowed):
            add_booking(by=person, event_id=make_event(by=mira).id, login="ada", tickets=1)


@on_sqlite
def test_the_same_wish_twice_is_one_booking_even_where_the_first_took_all_seats(mira, event):
    wish = {"by": mira, "event_id": event.id, "login": "new@example.org", "first_name": "New", "tickets": 10, "booking_id": uuid.uuid4()}
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

    monkeypatch.setattr(by_hand.wakeups, "plan", fail)
    with pytest.raises(RuntimeError):
        add_booking(by=mira, event_id=event.id, login="new@example.org", first_name="New", tickets=1)
    assert (find_user_by_login("new@example.org"), entries(), db.session.scalar(sa.select(Booking.id))) == (None, 0, None)


def test_two_who_add_the_same_new_person_at_once(app, mira, event):
    mira_id, event_id = mira.id, event.id
    wish = {"event_id": event_id, "login": "new@example.org", "first_name": "New", "tickets": 1}
    ids = [uuid.uuid4(), uuid.uuid4(), None]
    ids[2] = ids[0]
    added = at_once(app, [lambda id_=id_: add_booking(by=get_user(mira_id), **wish, booking_id=id_).user_id for id_ in ids])
    fresh()
    assert added == [find_user_by_login("new@example.org").id] * 3
    assert (entries(), db.session.scalar(sa.select(sa.func.count()).select_from(Booking))) == (2, 2)


def entries():
    return db.session.scalar(sa.select(sa.func.count()).where(AuditEntry.action == "event.booking_added"))
