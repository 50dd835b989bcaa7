"""Who has booked an event: found by name, address and code, in every order, on both databases."""

import datetime as dt

import pytest
import sqlalchemy as sa

from evently.accounts.services import update_profile
from evently.bookings.attendees import STATES, AttendeeFilters, count_states, get_attendee, list_attendees
from evently.bookings.check_in_stats import iterate_door_list
from evently.bookings.check_ins import insert_check_ins
from evently.bookings.services import cancel_booking
from evently.bookings.ticket_codes import encode_code, spaced
from evently.collation import key_of, sort_key
from evently.database import transaction, utc_now
from evently.errors import NotAllowed, NotFound
from evently.extensions import db
from tests.factories import make_booking, make_event, make_organizer, make_staff, make_user, reload
from tests.harness.site import on_sqlite


@pytest.fixture
def event(mira):
    return make_event(by=mira, capacity=100)


def book(event, first_name="", last_name="", *, tickets=1, decided=True, **values):
    return make_booking(user=make_user(first_name=first_name, last_name=last_name, **values), event=event, tickets=tickets, decided=decided)


def come_in(booking, seats=1):
    with transaction():
        insert_check_ins(event_id=booking.event_id, seats=[(booking.seq, seat + 1) for seat in range(seats)], by_id=booking.user_id)


def found(mira, event, ordering="seq", page=1, size=25, **filters):
    listed = list_attendees(by=mira, event_id=event.id, filters=AttendeeFilters(**filters), ordering=ordering, page=page, size=size)
    return [attendee.booking.user.first_name for attendee in listed.items]


def test_by_the_beginning_of_words_of_names_and_addresses(mira, event):
    book(event, "Élodie", "Marchandeau", email="e.m@ateliers.example")
    book(event, "Ada", "King-Lovelace", username="countess")
    book(event, "Ærø", "Östlund")
    book(make_event(), "Ada", "Elsewhere")
    expected = {
        "élo": ["Élodie"],
        "ÉLODIE march": ["Élodie"],
        "marchandeau": ["Élodie"],
        "ateliers": ["Élodie"],
        "e.m@ateliers.example": ["Élodie"],
        "lovelace": ["Ada"],
        "countess": ["Ada"],
        "östl": ["Ærø"],
        "ærø": ["Ærø"],
        "ada marchandeau": [],
        "lace": [],
        "'": [],
        '"*': [],
        "%": [],
    }
    assert {words: found(mira, event, search=words) for words in expected} == expected


def test_by_telephone(mira, event):
    book(event, "Ada", phone_number="+49 341 5501")
    book(event, "Bo", phone_number="0341 5502")
    book(event, "Cora5501")
    expected = {
        "+49 341 5501": ["Ada"],
        "0341/5501": ["Ada"],
        "0049 (341) 55": ["Ada"],
        "3415502": ["Bo"],
        "0341 55": ["Ada", "Bo"],
        "5501": ["Ada"],
        "550": [],
        "+49 341 5509": [],
    }
    assert {number: found(mira, event, search=number) for number in expected} == expected


def test_who_changes_a_name_is_found_by_the_new_one(mira, event):
    booking = book(event, "Ada", "Byron")
    update_profile(user=booking.user, profile={"last_name": "Lovelace", "email": "ada@lovelace.example"})
    assert found(mira, event, search="byron") == []
    assert found(mira, event, search="lovelace") == ["Ada"]


def test_by_a_ticket_and_by_a_reference_however_written(mira, event):
    booking = book(event, "Ada", tickets=3)
    book(event, "Bo")
    code = spaced(encode_code(booking.seq, 3))
    reference = booking.reference
    for written in (code, code.lower(), code.replace(" ", "-"), reference, reference.lower(), reference.replace("-", ""), reference[3:]):
        assert (written, found(mira, event, search=written)) == (written, ["Ada"])
    # There is no fourth seat, and other events have their own people.
    assert found(mira, event, search=encode_code(booking.seq, 4)) == []
    assert found(make_staff(), make_event(), search=reference) == []


@on_sqlite
def test_a_name_of_eight_letters_is_no_code(mira, event):
    book(event, "Bergmann")
    assert found(mira, event, search="bergmann") == ["Bergmann"]


def test_every_state_and_its_count(mira, event):
    book(event, "Ada")
    come_in(book(event, "Bo", tickets=2))
    cancel_booking(by=mira, booking_id=book(event, "Cora").id)
    book(event, "Dora", decided=False)
    expected = {
        "": ["Ada", "Bo", "Cora", "Dora"],
        "confirmed": ["Ada", "Bo"],
        "checked_in": ["Bo"],
        "not_checked_in": ["Ada"],
        "waiting": ["Dora"],
        "failed": [],
        "cancelled": ["Cora"],
    }
    assert {state: found(mira, event, state=state) for state in ("", *STATES)} == expected
    counts = count_states(by=mira, event_id=event.id)
    assert {state: counts[state] for state in expected} == {state: len(names) for state, names in expected.items()}


def test_orders(mira, event):
    for first, last, tickets in (("bo", "Ix", 3), ("Ada", "Lovelace", 1), ("Cora", "Ix", 2)):
        book(event, first, last, tickets=tickets)
    expected = {
        "seq": ["bo", "Ada", "Cora"],
        "-seq": ["Cora", "Ada", "bo"],
        "name": ["Ada", "bo", "Cora"],
        "-name": ["Cora", "bo", "Ada"],
        "-tickets": ["bo", "Cora", "Ada"],
        "status": ["bo", "Ada", "Cora"],
    }
    assert {ordering: found(mira, event, ordering=ordering) for ordering in expected} == expected
    assert found(mira, event, ordering="name", page=2, size=2) == ["Cora"]
    assert found(mira, event, page=4, size=2) == []


def test_names_are_sorted_as_people_expect(mira, event):
    expected = [
        "ada",
        "Æbbe",
        "Åke",
        "Élodie",
        "élodie",
        "Łukasz",
        "Lz",
        "O'Neill",
        "Özil",
        "Øzil",
        "Ozu",
        "Straße",
        "Strassf",
        "Zorn",
        "Юрий",
        "Ян",
    ]
    for name in sorted(expected):
        book(event, name)
    assert found(mira, event, ordering="name") == expected
    assert found(mira, event, ordering="name", page=2, size=5) == expected[5:10]
    assert [guest.name for guest in iterate_door_list(event)] == expected
    # Both databases make the same key.
    assert db.session.scalars(sa.select(sort_key(sa.literal("ÅŁæ ÞÉßİ\u1e9e")))).one() == key_of("ÅŁæ ÞÉßİ\u1e9e")


def test_by_day(mira, event):
    booking = book(event, "Ada")
    assert found(mira, event, date_from=booking.booking_date, date_to=booking.booking_date + dt.timedelta(seconds=1)) == ["Ada"]
    assert found(mira, event, date_to=booking.booking_date) == []
    assert found(mira, event, date_from=utc_now()) == []


@on_sqlite
def test_how_many_seats_came(mira, event):
    booking = book(event, "Ada", tickets=3)
    come_in(booking, seats=2)
    assert get_attendee(by=mira, event_id=event.id, booking_id=booking.id).admitted == 2
    with pytest.raises(NotFound):
        get_attendee(by=make_staff(), event_id=make_event().id, booking_id=booking.id)


@on_sqlite
def test_only_for_those_who_manage_the_event(mira, event):
    booking = book(event, "Ada")
    for person in (make_user(), make_organizer(), booking.user):
        for ask in (count_states, lambda by, event_id: list_attendees(by=by, event_id=event_id, filters=AttendeeFilters())):
            with pytest.raises(NotAllowed):
                ask(by=person, event_id=event.id)


@on_sqlite
def test_as_many_statements_for_many_as_for_few(mira, event):
    def statements():
        seen = []

        def note(*arguments):
            seen.append(arguments[2])

        sa.event.listen(db.engine, "before_cursor_execute", note)
        try:
            list_attendees(by=mira, event_id=event.id, filters=AttendeeFilters(search="user"), ordering="name")
        finally:
            sa.event.remove(db.engine, "before_cursor_execute", note)
        return len(seen)

    reload(book(event))
    few = statements()
    for _ in range(4):
        reload(book(event))
    assert statements() == few
