"""Taking an event off the site: gone for everybody, and what was stays history."""

import pytest

from evently.bookings.services import cancel_booking
from evently.database import transaction
from evently.errors import Conflict, NotAllowed, NotFound
from evently.events.queries import get_event
from evently.events.services import delete_event
from tests.factories import decide, in_days, make_booking, make_event, make_organizer, make_staff, make_user, reload
from tests.harness.site import fresh


def test_a_deleted_event_is_gone_and_its_history_is_kept(app):
    event = make_event()
    booking = make_booking(event=event)
    with pytest.raises(Conflict) as refusal:
        delete_event(by=event.organizer, event_id=event.id)
    assert refusal.value.code == "has_live_bookings"
    cancel_booking(by=booking.user, booking_id=booking.id)
    delete_event(by=event.organizer, event_id=event.id)
    fresh()
    with pytest.raises(NotFound):
        get_event(event.id)
    assert reload(booking).event.name == event.name
    with pytest.raises(NotFound):
        delete_event(by=event.organizer, event_id=event.id)


def test_an_event_that_somebody_waits_for_is_not_deleted(app):
    booking = make_booking(decided=False)
    with pytest.raises(Conflict):
        delete_event(by=booking.event.organizer, event_id=booking.event_id)


def test_whoever_asked_just_before_an_event_was_deleted_gets_no_tickets(app):
    event = make_event()
    booking = make_booking(event=event, decided=False)
    with transaction():
        # Accepted after the event's service had looked.
        event.archived_at = in_days(0)
    decide(event)
    assert (reload(booking).status, reload(booking).failure_code) == ("failed", "event_not_available")


def test_drafts_and_cancelled_events_are_deleted_too(app):
    for status in ("draft", "cancelled"):
        event = make_event(status=status)
        delete_event(by=make_staff(), event_id=event.id)
        with pytest.raises(NotFound):
            get_event(event.id)


def test_only_those_who_manage_an_event_delete_it(app):
    event = make_event()
    for by in (make_user(), make_organizer()):
        with pytest.raises(NotAllowed):
            delete_event(by=by, event_id=event.id)
