"""One thing done to many bookings: all of them once, whatever happens in between."""

import datetime as dt

import pytest
import sqlalchemy as sa

from evently.accounts.models import User
from evently.accounts.queries import get_user
from evently.audit.models import AuditEntry
from evently.bookings import bulk_actions, tasks
from evently.bookings.attendees import AttendeeFilters, count_states
from evently.bookings.check_ins import check_in_seats, insert_check_ins
from evently.bookings.consistency import check
from evently.bookings.models import Booking, BulkAction, CheckIn
from evently.bookings.tasks import requeue
from evently.database import transaction, utc_now
from evently.errors import Conflict, NotAllowed, NotFound
from evently.events.queries import get_event
from evently.events.services import cancel_event
from evently.extensions import db
from evently.notifications.models import Mail
from tests.factories import get_booking, in_days, make_booking, make_event, make_organizer, make_staff, make_user, reload
from tests.harness.concurrency import at_once
from tests.harness.crowd import make_crowd
from tests.harness.site import fresh, on_sqlite


@pytest.fixture
def event(mira):
    return make_event(by=mira, capacity=50)


def carry_out(mira, event, kind="cancel", **filters):
    action = bulk_actions.start(by=mira, event_id=event.id, kind=kind, filters=AttendeeFilters(**filters))
    bulk_actions.run(action.id)
    fresh()
    return bulk_actions.get_action(by=mira, event_id=event.id, action_id=action.id)


def test_cancelling_gives_seats_back_and_tells_each_person_once(mira, event):
    first, second, kept = (make_booking(event=event, tickets=tickets) for tickets in (2, 3, 4))
    action = carry_out(mira, event, ids=(first.id, second.id))
    assert (action.total, action.done, action.skipped, action.finished_at is not None) == (2, 2, 0, True)
    assert [reload(booking).status for booking in (first, second, kept)] == ["cancelled", "cancelled", "confirmed"]
    assert get_event(event.id).reserved_tickets == 4
    told = db.session.scalars(sa.select(Mail.booking_id).where(Mail.kind == "booking_cancelled")).all()
    assert sorted(told) == sorted([first.id, second.id])
    assert list(check()) == []


@on_sqlite
def test_whoever_is_in_keeps_the_seat(mira, event):
    inside, outside = make_booking(event=event), make_booking(event=event)
    with transaction():
        insert_check_ins(event_id=event.id, seats=[(inside.seq, 1)], by_id=mira.id)
    prospect = bulk_actions.preview(by=mira, event_id=event.id, kind="cancel", filters=AttendeeFilters())
    assert (prospect.affected.bookings, prospect.affected.people, prospect.left_alone) == (1, 1, 1)
    action = carry_out(mira, event)
    assert (action.done, action.skipped) == (1, 1)
    assert [reload(booking).status for booking in (inside, outside)] == ["confirmed", "cancelled"]


@on_sqlite
def test_who_books_later_is_not_meant(mira, event):
    make_booking(event=event)
    action = bulk_actions.start(by=mira, event_id=event.id, kind="cancel", filters=AttendeeFilters(state="confirmed"))
    late = make_booking(event=event)
    bulk_actions.run(action.id)
    assert reload(late).status == "confirmed"


def test_checking_in_lets_in_every_seat_once(mira, event):
    booking, cancelled = make_booking(event=event, tickets=3), make_booking(event=event)
    carry_out(mira, event, ids=(cancelled.id,))
    with transaction():
        insert_check_ins(event_id=event.id, seats=[(booking.seq, 2)], by_id=mira.id)
    first, again = carry_out(mira, event, "admit"), carry_out(mira, event, "admit")
    assert (first.done, first.skipped, again.done, again.skipped) == (1, 1, 0, 2)
    assert db.session.scalar(sa.select(sa.func.count()).select_from(CheckIn)) == 3


def test_in_portions_by_whoever_goes_on(mira, event, monkeypatch):
    make_crowd(event, 230)
    fresh()
    monkeypatch.setattr(bulk_actions, "BATCH_SIZE", 100)
    action = bulk_actions.start(by=mira, event_id=event.id, kind="cancel", filters=AttendeeFilters(search="crowd"))
    # Two turns of no time do a portion each; then the worker died in the middle of the third.
    assert [bulk_actions.run(action.id, turn=0) for _ in range(2)] == [True, True]
    assert bulk_actions._acquire_lease(action.id, utc_now() + dt.timedelta(minutes=1))
    fresh()
    assert (bulk_actions.run(action.id), requeue()) == (False, 0)
    with transaction() as session:
        left = session.get_one(BulkAction, action.id, populate_existing=True)
        assert left.done + left.skipped == 200
        left.lease_until = utc_now()
    fresh()
    assert bulk_actions.get_action(by=mira, event_id=event.id, action_id=action.id).finished_at is None
    assert requeue() == 1
    assert requeue() == 0
    fresh()
    action = bulk_actions.get_action(by=mira, event_id=event.id, action_id=action.id)
    assert (action.done + action.skipped, action.finished_at is not None) == (230, True)
    counts = count_states(by=mira, event_id=event.id)
    assert (counts["waiting"], counts["confirmed"]) == (0, counts["checked_in"])
    assert get_event(event.id).reserved_tickets == sum(
        db.session.scalars(sa.select(Booking.ticket_count).where(Booking.status == "confirmed", Booking.event_id == event.id))
    )


@on_sqlite
@pytest.mark.parametrize(
    ("becomes", "sentence"),
    [
        (lambda mira, _: set_role(mira, is_organizer=False), "Whoever began this does not manage the event any more."),
        (lambda mira, _: set_role(mira, is_active=False), "Whoever began this does not manage the event any more."),
        (lambda mira, event: cancel_event(by=mira, event_id=event.id), "Only bookings of a published event can be changed."),
    ],
)
def test_each_portion_asks_whether_it_still_may(mira, event, monkeypatch, becomes, sentence):
    monkeypatch.setattr(bulk_actions, "BATCH_SIZE", 1)
    for _ in range(3):
        make_booking(event=event)
    action = bulk_actions.start(by=mira, event_id=event.id, kind="admit", filters=AttendeeFilters())
    assert bulk_actions.run(action.id, turn=0)
    becomes(mira, event)
    assert not bulk_actions.run(action.id)
    with transaction() as session:
        ended = session.get_one(BulkAction, action.id, populate_existing=True)
    assert (ended.done, ended.skipped, ended.finished_at is not None, ended.reason) == (1, 0, True, sentence)
    assert db.session.scalar(sa.select(sa.func.count()).select_from(CheckIn)) == 1


def set_role(user, **values):
    with transaction() as session:
        session.execute(sa.update(User).where(User.id == user.id).values(**values))


@on_sqlite
def test_without_a_broker_the_answer_waits_for_a_beginning_only(mira, event, monkeypatch):
    make_crowd(event, 230)
    fresh()
    monkeypatch.setattr(bulk_actions, "BATCH_SIZE", 100)
    monkeypatch.setattr(tasks, "MAX_DELAY", 0)
    monkeypatch.setattr(tasks, "publish", lambda *_, **__: False)
    action = bulk_actions.start(by=mira, event_id=event.id, kind="cancel", filters=AttendeeFilters())
    tasks.start_unfinished(action)
    fresh()
    begun = bulk_actions.get_action(by=mira, event_id=event.id, action_id=action.id)
    assert (begun.done + begun.skipped, begun.finished_at, bulk_actions.list_unfinished()) == (100, None, [action.id])


@on_sqlite
def test_the_same_wish_twice_is_one_action(mira, event):
    make_booking(event=event)
    action = bulk_actions.start(by=mira, event_id=event.id, kind="cancel", filters=AttendeeFilters())
    again = bulk_actions.start(by=mira, event_id=event.id, kind="cancel", filters=AttendeeFilters(), action_id=action.id)
    assert again.id == action.id
    assert db.session.scalar(sa.select(sa.func.count()).where(AuditEntry.action == "event.bookings_cancel")) == 1


@on_sqlite
@pytest.mark.parametrize("kind", ["cancel", "admit"])
def test_only_those_who_manage_the_event(mira, event, kind):
    booking = make_booking(event=event)
    for person in (booking.user, make_user(), make_organizer()):
        for verb in (bulk_actions.preview, bulk_actions.start):
            with pytest.raises(NotAllowed):
                verb(by=person, event_id=event.id, kind=kind, filters=AttendeeFilters())
    action = bulk_actions.start(by=make_staff(), event_id=event.id, kind=kind, filters=AttendeeFilters())
    with pytest.raises(NotFound):
        bulk_actions.get_action(by=make_staff(), event_id=make_event().id, action_id=action.id)


@on_sqlite
def test_nothing_is_cancelled_once_it_has_started(mira):
    event = make_event(by=mira, time=in_days(-0.1))
    with pytest.raises(Conflict, match="already started"):
        bulk_actions.start(by=mira, event_id=event.id, kind="cancel", filters=AttendeeFilters())
    bulk_actions.start(by=mira, event_id=event.id, kind="admit", filters=AttendeeFilters())


def test_nobody_is_let_in_and_cancelled_at_once(app, mira, event):
    """Two doors and one who cancels: whoever is first wins, and never both."""
    event_id, booking_ids = event.id, [make_booking(event=event, tickets=2).id for _ in range(8)]
    action = bulk_actions.start(by=mira, event_id=event_id, kind="cancel", filters=AttendeeFilters()).id
    organizer_id = mira.id

    def stand_at_the_door(ids):
        for booking_id in ids:
            check_in_seats(by=get_user(organizer_id), event_id=event_id, booking_id=booking_id)

    at_once(
        app,
        [lambda: stand_at_the_door(booking_ids[:4]), lambda: stand_at_the_door(booking_ids[4:]), lambda: bulk_actions.run(action)],
    )
    has_come = set(db.session.scalars(sa.select(CheckIn.booking_seq)))
    states = {booking.seq: booking.status for booking in map(get_booking, booking_ids)}
    assert {seq for seq, status in states.items() if status == "confirmed"} == has_come
    assert list(check()) == []
