"""A booking that an organizer writes down for somebody."""

import pytest
import sqlalchemy as sa

from evently.accounts.queries import find_user_by_login
from evently.bookings.by_hand import add_booking
from evently.errors import Conflict, Invalid, NotAllowed
from evently.extensions import db
from evently.notifications.models import Mail
from tests.factories import decide, in_days, make_booking, make_event, make_organizer, make_staff, make_user, reload

# What is refused does not depend on the database.
pytestmark = pytest.mark.parametrize("site", ["sqlite"], indirect=True)


@pytest.fixture
def event(mira):
    return make_event(by=mira, max_tickets_per_booking=2, sales_start=in_days(5))


def test_for_somebody_with_an_account_who_is_told_by_mail(mira, event):
    ada = make_user(username="ada", email="ada@example.org")
    for by, login in ((make_staff(), "ADA"), (mira, " ada@Example.org ")):
        # More than the site sells in one booking, and before it sells any.
        booking = add_booking(by=by, event_id=event.id, login=login, tickets=4)
        assert (booking.status, booking.user_id) == ("processing", ada.id)
    decide(event)
    assert reload(booking).status == "confirmed"
    assert db.session.scalars(sa.select(Mail.to_address).where(Mail.booking_id == booking.id)).all() == ["ada@example.org"]


def test_a_new_person_gets_an_account_that_waits_for_them(mira, event):
    booking = add_booking(by=mira, event_id=event.id, login="new.person@example.org", first_name="New", last_name="Person", tickets=1)
    person = find_user_by_login("new.person@example.org")
    assert (booking.user_id, person.full_name, person.is_active, person.email_confirmed_at) == (person.id, "New Person", True, None)
    assert person.username.startswith("newperson-")
    again = add_booking(by=mira, event_id=event.id, login="new.person@example.org", tickets=1)
    assert again.user_id == person.id


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


def test_never_over_capacity_nor_over_the_limit_of_a_person(mira):
    event = make_event(by=mira, capacity=3, max_tickets_per_user=2)
    make_user(email="ada@example.org")
    add_booking(by=mira, event_id=event.id, login="ada@example.org", tickets=2)
    with pytest.raises(Invalid, match="already has 2"):
        add_booking(by=mira, event_id=event.id, login="ada@example.org", tickets=1)
    first, second = (add_booking(by=mira, event_id=event.id, login=make_user().email, tickets=1) for _ in range(2))
    decide(event)
    assert [reload(booking).status for booking in (first, second)] == ["confirmed", "failed"]


def test_only_where_there_is_something_to_book(mira):
    ada = make_user(username="ada")
    for fields in ({"status": "draft"}, {"status": "cancelled"}, {"time": in_days(-1)}):
        with pytest.raises(Conflict):
            add_booking(by=mira, event_id=make_event(by=mira, **fields).id, login="ada", tickets=1)
    for person in (ada, make_organizer()):
        with pytest.raises(NotAllowed):
            add_booking(by=person, event_id=make_event(by=mira).id, login="ada", tickets=1)


def test_the_same_wish_twice_is_one_booking(mira, event):
    make_user(username="ada")
    booking = make_booking(event=make_event())
    first = add_booking(by=make_staff(), event_id=event.id, login="ada", tickets=1)
    again = add_booking(by=make_staff(), event_id=event.id, login="ada", tickets=1, booking_id=first.id)
    assert (again.id, again.id != booking.id) == (first.id, True)
