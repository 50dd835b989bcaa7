"""At the door: what is let in, once, and by whom."""

import datetime as dt
import uuid
from collections import Counter

import pytest
import sqlalchemy as sa

from evently.accounts.account_deletion import close_account
from evently.accounts.queries import get_user
from evently.audit.models import AuditEntry
from evently.bookings import check_in_stats
from evently.bookings.check_ins import ScanResult, check_in, check_in_seats, undo_check_in
from evently.bookings.models import Booking, CheckIn
from evently.bookings.services import cancel_booking
from evently.bookings.signals import check_ins_undone, tickets_checked_in
from evently.bookings.tickets import Ticket, list_tickets
from evently.database import transaction, utc_now
from evently.errors import NotAllowed, NotFound
from evently.events.services import cancel_event, update_event
from evently.extensions import db
from evently.reporting.rollup_verification import find_mismatches
from tests.factories import PASSWORD, in_days, make_booking, make_event, make_organizer, make_staff, make_user, reload
from tests.harness.concurrency import at_once


def tickets(booking: Booking) -> list[Ticket]:
    return list_tickets(by=booking.user, booking_id=booking.id)


def scan(booking: Booking, seat: int = 1, *, by=None, event=None, gate="") -> ScanResult:
    event = event or booking.event
    return check_in(by=by or event.organizer, event_id=event.id, code=tickets(booking)[seat - 1].code, gate=gate)


def rows() -> list[tuple[int, int]]:
    return [tuple(row) for row in db.session.execute(sa.select(CheckIn.booking_seq, CheckIn.seat).order_by(CheckIn.booking_seq))]


def test_a_ticket_is_valid_once(app):
    booking, organizer = make_booking(tickets=2), make_organizer(first_name="Ada")
    first = scan(booking, 2, gate=" North ")
    assert (first.verdict, first.seats, first.missing, first.code) == ("valid", [2], [1], tickets(booking)[1].code)
    again = scan(booking, 2, by=make_staff(), gate="South")
    assert (again.verdict, again.seats) == ("used", [2])
    assert [(row.gate, row.admitted_by) for row in again.admissions] == [("North", booking.event.organizer)]
    assert utc_now() - again.admissions[0].admitted_at < dt.timedelta(minutes=1)
    assert [ticket.state for ticket in tickets(booking)] == ["valid", "used"]
    assert organizer.id != again.admissions[0].admitted_by_id


def test_what_a_qr_code_says_is_as_good_as_the_code_that_people_say(app):
    ticket = tickets(make_booking())[0]
    by, event_id = ticket.booking.event.organizer, ticket.booking.event_id
    forged = ticket.signed[:-3] + "AAA"
    foreign = ".".join([*ticket.signed.split(".")[:2], "B" * 26, ticket.signed.split(".")[3]])
    for code in (forged, foreign, "EV1.7K4M29QD", "https://example.org/", "...", "ÄÖ.Ü.ß.é", "", "XX00 0000", "9" * 250):
        assert (code, check_in(by=by, event_id=event_id, code=code).verdict) == (code, "unknown")
    assert check_in(by=by, event_id=event_id, code=f" {ticket.signed.lower()}\n").verdict == "valid"
    assert check_in(by=by, event_id=event_id, code=ticket.code.lower().replace(" ", "-")).verdict == "used"


def test_tickets_of_other_events_and_cancelled_ones_stay_outside(app):
    event, other = make_event(), make_event(name="Winterlauf")
    stranger = scan(make_booking(event=other), event=event)
    assert (stranger.verdict, stranger.booking.event.name) == ("wrong_event", "Winterlauf")
    cancelled, called_off, waiting = make_booking(event=event), make_booking(), make_booking(event=event, decided=False)
    codes = [tickets(booking)[0].code for booking in (cancelled, called_off)]
    cancel_booking(by=cancelled.user, booking_id=cancelled.id)
    cancel_event(by=called_off.event.organizer, event_id=called_off.event_id)
    assert check_in(by=event.organizer, event_id=event.id, code=codes[0]).verdict == "void"
    assert check_in(by=called_off.event.organizer, event_id=called_off.event_id, code=codes[1]).verdict == "void"
    assert check_in_seats(by=event.organizer, event_id=event.id, booking_id=waiting.id).verdict == "unknown"
    assert rows() == []


def test_a_whole_booking_comes_in_at_once_with_the_seats_that_were_missing(app):
    booking = make_booking(tickets=4)
    by, event_id = booking.event.organizer, booking.event_id
    scan(booking, 2)
    together = check_in_seats(by=by, event_id=event_id, booking_id=booking.id)
    assert (together.verdict, together.seats, together.missing) == ("valid", [1, 3, 4], [])
    assert check_in_seats(by=by, event_id=event_id, booking_id=booking.id).verdict == "used"
    for seats in ([0], [5], [1, 5]):
        assert check_in_seats(by=by, event_id=event_id, booking_id=booking.id, seats=seats).verdict == "unknown"
    assert check_in_seats(by=by, event_id=event_id, booking_id=uuid.uuid4()).verdict == "unknown"


def test_undoing_leaves_the_seat_as_if_it_had_not_come_and_is_written_down(app):
    booking = make_booking(tickets=2)
    by, of = booking.event.organizer, {"event_id": booking.event_id, "booking_id": booking.id}
    scan(booking, 2, gate="North")
    undo_check_in(by=by, **of, seat=2)
    entry = db.session.scalars(sa.select(AuditEntry).where(AuditEntry.action == "booking.admission_undone")).one()
    assert (entry.actor_id, entry.subject_id, entry.changes["seat"]) == (by.id, str(booking.id), [2, None])
    with pytest.raises(NotFound):
        undo_check_in(by=by, **of, seat=2)
    with pytest.raises(NotFound):
        undo_check_in(by=make_staff(), event_id=make_event().id, booking_id=booking.id, seat=2)
    assert scan(booking, 2).verdict == "valid"


def test_only_staff_and_the_organizer_of_the_event_stand_at_its_door(app):
    booking = make_booking()
    code, of = tickets(booking)[0].code, {"event_id": booking.event_id, "booking_id": booking.id}
    for person in (booking.user, make_organizer(), make_staff(is_active=False)):
        with pytest.raises(NotAllowed):
            check_in(by=person, event_id=booking.event_id, code=code)
        with pytest.raises(NotAllowed):
            check_in_seats(by=person, **of)
        with pytest.raises(NotAllowed):
            undo_check_in(by=person, **of, seat=1)
        with pytest.raises(NotAllowed):
            check_in_stats.get_check_in_stats(by=person, event_id=booking.event_id)
    assert rows() == []
    assert scan(booking, by=make_staff()).verdict == "valid"


def test_two_gates_at_once_never_let_one_ticket_in_twice(app):
    event = make_event(capacity=40)
    bookings, gates = [make_booking(event=event, tickets=2) for _ in range(4)], [make_staff(), event.organizer]
    codes = [ticket.code for booking in bookings for ticket in tickets(booking)]
    heard = []
    with tickets_checked_in.connected_to(lambda _event_id, rows: heard.extend(rows)):
        # Each ticket at each gate, and two whole bookings by name besides.
        calls = [lambda by=by, code=code: check_in(by=by, event_id=event.id, code=code) for code in codes for by in gates]
        calls += [lambda by=by: check_in_seats(by=by, event_id=event.id, booking_id=bookings[0].id) for by in gates]
        answers = at_once(app, calls)
    assert Counter(answer.verdict for answer in answers)["used"] >= len(codes)
    let_in = [(answer.booking.seq, seat) for answer in answers if answer.verdict == "valid" for seat in answer.seats]
    assert sorted(let_in) == sorted(rows()) == sorted((row.booking_seq, row.seat) for row in heard)
    assert len(set(let_in)) == len(let_in) == len(codes)


def test_a_booking_cancelled_at_the_same_moment_is_let_in_or_void(app):
    booking = make_booking()
    code, by = tickets(booking)[0].code, booking.event.organizer
    came, _ = at_once(
        app,
        [lambda: check_in(by=by, event_id=booking.event_id, code=code), lambda: cancel_booking(by=booking.user, booking_id=booking.id)],
    )
    assert (came.verdict, len(rows())) in {("valid", 1), ("void", 0)}


def test_whoever_has_come_in_keeps_the_seat_when_the_account_is_closed(app):
    booking = make_booking(tickets=2)
    scan(booking)
    close_account(user=get_user(booking.user_id), password=PASSWORD)
    kept = reload(booking)
    assert (kept.status, kept.event.reserved_tickets) == ("confirmed", 2)


def test_the_domains_above_hear_of_it_within_the_transaction(app):
    booking, heard = make_booking(tickets=2), []

    def refuse(_event_id, moments):
        raise RuntimeError(len(moments))

    with tickets_checked_in.connected_to(lambda event_id, rows: heard.append((event_id, [row.seat for row in rows]))):
        check_in_seats(by=booking.event.organizer, event_id=booking.event_id, booking_id=booking.id)
        scan(booking, 1)
    assert heard == [(booking.event_id, [1, 2])]
    with check_ins_undone.connected_to(refuse), pytest.raises(RuntimeError, match="1"):
        undo_check_in(by=booking.event.organizer, event_id=booking.event_id, booking_id=booking.id, seat=1)
    assert len(rows()) == 2


def test_the_turnout_counts_tickets(app):
    event = make_event(capacity=40)
    mira, ada = make_user(first_name="Mira", last_name="Tälberg"), make_user(first_name="Ada", last_name="Quill")
    theirs = {person: make_booking(user=person, event=event, tickets=3) for person in (mira, ada)}
    scan(theirs[mira], 2, gate="North")
    with transaction():
        db.session.scalars(sa.select(CheckIn)).one().admitted_at = utc_now() - dt.timedelta(hours=1)
    scan(theirs[ada], 1)
    scan(make_booking(), 1)
    count = check_in_stats.get_check_in_stats(by=event.organizer, event_id=event.id)
    assert (count.inside, count.lately, count.expected, count.to_come, count.percentage) == (2, 1, 6, 4, 33)
    assert [(line.booking.user, line.admission.seat) for line in check_in_stats.list_recent(event)] == [(ada, 1), (mira, 2)]
    found = check_in_stats.search(by=event.organizer, event_id=event.id, words="tälb")
    assert [(match.booking.user, match.missing) for match in found] == [(mira, [1, 3])]
    guests = [(guest.name, guest.seat, guest.has_come) for guest in check_in_stats.iterate_door_list(event)]
    assert guests == [("Quill, Ada", seat, seat == 1) for seat in (1, 2, 3)] + [("Tälberg, Mira", seat, seat == 2) for seat in (1, 2, 3)]
    assert next(check_in_stats.iterate_door_list(event)).code == tickets(theirs[ada])[0].code


def test_the_door_opens_some_time_before_and_whoever_lets_in_earlier_says_so(app, monkeypatch):
    monkeypatch.setitem(app.config, "DOOR_OPENS_HOURS", 12)
    event = make_event(time=in_days(0.6))
    booking = make_booking(event=event, tickets=2)
    early = scan(booking, 2)
    assert (early.verdict, early.seats, early.booking, rows()) == ("too_early", [2], booking, [])
    by, of = event.organizer, {"event_id": event.id, "booking_id": booking.id}
    assert check_in_seats(by=by, **of).verdict == "too_early"
    assert check_in_seats(by=by, **of, seats=[2], gate="Stage", anyway=True).verdict == "valid"
    assert scan(booking, 2).verdict == "used"
    noted = db.session.scalars(sa.select(AuditEntry).where(AuditEntry.action == "booking.admitted_anyway")).one()
    assert (noted.actor_id, noted.subject_id, noted.changes["seats"]) == (by.id, str(booking.id), [None, "2"])
    monkeypatch.setitem(app.config, "DOOR_OPENS_HOURS", 15)
    assert scan(booking, 1).verdict == "valid"
    over = make_booking(event=make_event())
    with transaction():
        over.event.time, over.event.ends_at = in_days(-2.5), in_days(-1.1)
    assert scan(over).verdict == "too_late"


def test_who_came_has_to_come_again_when_the_event_moves_to_another_day(app):
    booking = make_booking(tickets=3)
    event, organizer = booking.event, booking.event.organizer
    scan(booking, 1)
    update_event(by=organizer, event_id=event.id, fields={"time": event.time + dt.timedelta(hours=20)})
    update_event(by=organizer, event_id=event.id, fields={"time": in_days(2)})
    assert (scan(booking, 1).verdict, scan(booking, 2).verdict) == ("used", "valid")
    update_event(by=organizer, event_id=event.id, fields={"time": in_days(4)})
    assert rows() == []
    assert list(find_mismatches()) == []
    noted = db.session.scalars(sa.select(AuditEntry).where(AuditEntry.action == "event.admissions_undone")).one()
    assert (noted.subject_id, noted.changes) == (str(event.id), {"checked_in": [2, 0]})
    assert scan(booking, 2).verdict == "valid"
