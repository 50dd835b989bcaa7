"""How PostgreSQL reads: every list, every history and every queue by its index, on tables large enough to matter."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa

from evently.accounts.models import User
from evently.accounts.queries import find_token, find_user_by_login, has_lookalike
from evently.bookings import allocator
from evently.bookings import queries as bookings
from evently.bookings.attendees import AttendeeFilters, list_attendees
from evently.bookings.models import PROCESSING, Booking
from evently.database import utc_now
from evently.events import queries as events
from evently.events.filters import EventFilters
from evently.events.services import lock_inventory
from evently.extensions import db
from evently.idempotency.services import delete_old
from evently.notifications import outbox
from evently.notifications.queries import find_decision_mail, list_mails
from tests.factories import in_days
from tests.harness.site import Site, clean

# One group, so that one worker of the test run makes the crowd.
pytestmark = [pytest.mark.parametrize("site", ["postgresql"], indirect=True), pytest.mark.xdist_group("plans")]

# 20,000 events from a year ago to a year ahead, 60,000 bookings of which 5,000 are one event's, 20,000 mails.
CROWD = """
INSERT INTO users (username, email, password_hash, is_staff, is_organizer, created_at, updated_at)
    SELECT 'user' || n, 'user' || n || '@example.org', '-', n = 1, n <= 50, now(), now() FROM generate_series(1, 2000) n;
INSERT INTO api_tokens (user_id, name, token_sha256, created_at)
    SELECT id, '', md5(id::text) || md5(id::text), now() FROM users;
INSERT INTO events (id, name, venue, category, time, capacity, price_per_ticket, status, organizer_id, source_id, created_at, updated_at)
    SELECT gen_random_uuid(), 'Event ' || n, 'Hall ' || n % 300, CASE WHEN n % 400 = 0 THEN 'family' ELSE 'music' END,
        now() + (n - 10000) * interval '50 minutes', 1000 + n % 500, n % 90,
        CASE n % 10 WHEN 8 THEN 'cancelled' WHEN 9 THEN 'draft' ELSE 'published' END,
        (SELECT min(id) FROM users) + n % 50, 'source-' || n, now() - n * interval '1 minute', now()
    FROM generate_series(1, 20000) n;
INSERT INTO ticket_types (id, event_id, name, price, position)
    SELECT gen_random_uuid(), id, 'General admission', price_per_ticket, 0 FROM events;
INSERT INTO ticket_stock (ticket_type_id, event_id, capacity, reserved) SELECT id, event_id, 1000, 10 FROM ticket_types;
CREATE TEMPORARY TABLE numbered AS SELECT id, event_id, row_number() OVER (ORDER BY id) AS n FROM ticket_types
    WHERE event_id IN (SELECT id FROM events WHERE status = 'published');
INSERT INTO bookings (id, event_id, ticket_type_id, user_id, ticket_count, total_amount, currency, status, booking_date, decided_at)
    SELECT gen_random_uuid(), numbered.event_id, numbered.id, (SELECT min(id) FROM users) + b.n % 2000, 1, 10, 'EUR',
        CASE WHEN b.n % 200 = 0 THEN 'processing' WHEN b.n % 10 = 1 THEN 'failed' ELSE 'confirmed' END,
        now() - b.n * interval '1 second', CASE WHEN b.n % 200 = 0 THEN NULL ELSE now() END
    FROM generate_series(1, 60000) b(n) JOIN numbered ON numbered.n = CASE WHEN b.n <= 5000 THEN 1 ELSE 1 + b.n % 16000 END;
INSERT INTO admissions (booking_seq, seat, admitted_at, event_id)
    SELECT seq, 1, now(), event_id FROM bookings WHERE status = 'confirmed' AND user_id % 4 = 0;
INSERT INTO mails (delivery_key, kind, to_address, user_id, booking_id, event_id, context, status, created_at, not_before)
    SELECT 'confirmed:' || seq, 'booking_confirmed', 'a@example.org', user_id, id, event_id, '{}',
        CASE WHEN seq % 300 = 0 THEN 'queued' WHEN seq % 300 = 1 THEN 'failed' ELSE 'sent' END, booking_date, booking_date
    FROM bookings ORDER BY seq LIMIT 20000;
INSERT INTO idempotent_requests (id, key_sha256, request_sha256, lease_until, created_at)
    SELECT gen_random_uuid(), md5(n::text) || md5(n::text), 'x', now(), now() - n * interval '4 seconds' FROM generate_series(1, 20000) n;
DROP TABLE numbered;
"""


@dataclass(frozen=True)
class Step:
    """One node of a plan; `rows` were really read, of the tables of a statement that only reads."""

    kind: str
    table: str
    index: str
    rows: float


@dataclass(frozen=True)
class Crowd:
    staff: User
    # has 400 events and 30 bookings
    organizer: User
    # one with thousands of bookings and one with three
    busy_event: uuid.UUID
    quiet_event: uuid.UUID
    waiting: Booking


@pytest.fixture(scope="module")
def crowd(site: Site) -> Iterator[Crowd]:
    clean(site)
    with site.app.app_context():
        with db.engine.begin() as connection:
            connection.exec_driver_sql(CROWD.replace("%", "%%"))
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
        busy, quiet = (db.session.scalars(sa.select(Booking).order_by(order).limit(1)).one() for order in (Booking.seq, Booking.seq.desc()))
        staff, organizer = (db.session.scalars(sa.select(User).where(User.username == name)).one() for name in ("user1", "user7"))
        waiting = db.session.scalars(sa.select(Booking).where(Booking.status == PROCESSING).order_by(Booking.seq.desc()).limit(1)).one()
        crowd = Crowd(staff, organizer, busy.event_id, quiet.event_id, waiting)
        db.session.commit()
        yield crowd
        db.session.remove()
        # Deleting so many rows one by one would take minutes.
        with db.engine.begin() as connection:
            connection.exec_driver_sql("TRUNCATE users CASCADE")


# (what is read, the index that finds it); first pages, unless it says otherwise
READS: dict[str, tuple[Callable[[Crowd], object], str]] = {
    "upcoming events": (lambda _: events.list_public_events(EventFilters(is_upcoming=True)), "ix_events_time_id"),
    "upcoming events that can be had": (
        lambda _: events.list_public_events(EventFilters(is_upcoming=True, is_active=True, has_seats=True)),
        "ix_events_time_id",
    ),
    "events between two dates": (
        lambda _: events.list_public_events(EventFilters(date_from=in_days(60), date_to=in_days(67))),
        "ix_events_time_id",
    ),
    "events of a rare category": (
        lambda _: events.list_public_events(EventFilters(is_upcoming=True, category="family")),
        "ix_events_category_time_id",
    ),
    "cheapest events": (
        lambda _: events.list_public_events(EventFilters(is_upcoming=True, ordering="price_per_ticket")),
        "ix_events_price_per_ticket_time_id",
    ),
    "dearest events": (
        lambda _: events.list_public_events(EventFilters(is_upcoming=True, ordering="-price_per_ticket")),
        "ix_events_price_per_ticket_time_id",
    ),
    "newest events": (
        lambda _: events.list_public_events(EventFilters(is_upcoming=True, ordering="-created_at")),
        "ix_events_created_at_id",
    ),
    "largest events": (
        lambda crowd: events.list_managed_events(by=crowd.staff, filters=EventFilters(ordering="-capacity")),
        "ix_events_capacity_id",
    ),
    "every event": (lambda crowd: events.list_managed_events(by=crowd.staff, filters=EventFilters()), "ix_events_time_id"),
    "latest events first": (
        lambda crowd: events.list_managed_events(by=crowd.staff, filters=EventFilters(ordering="-time")),
        "ix_events_time_id",
    ),
    "a word of few events": (lambda _: events.list_public_events(EventFilters(search="Event 1234")), "ix_events_search"),
    "a word that begins one name": (
        lambda _: events.list_public_events(EventFilters(search="12345", is_upcoming=True)),
        "ix_events_search",
    ),
    "a word of every event": (lambda _: events.list_public_events(EventFilters(search="eve", is_upcoming=True)), "ix_events_time_id"),
    "a house": (lambda _: events.list_public_events(EventFilters(venue="Hall 299")), "ix_events_search"),
    "seats that are free": (lambda crowd: events.count_available_tickets(crowd.busy_event), "ix_ticket_stock_event_id"),
    "an organizer's events": (
        lambda crowd: events.list_managed_events(by=crowd.organizer, filters=EventFilters()),
        "ix_events_organizer_id_time_id",
    ),
    "an event on sale": (lambda crowd: events.get_event_for_sale(crowd.busy_event), "ix_ticket_stock_event_id"),
    "an event": (lambda crowd: events.get_public_event(crowd.busy_event), "pk_events"),
    "somebody's bookings": (lambda crowd: bookings.list_bookings(by=crowd.staff, user_id=crowd.organizer.id), "ix_bookings_user_id_seq"),
    "somebody's confirmed bookings": (
        lambda crowd: bookings.list_bookings(by=crowd.staff, user_id=crowd.organizer.id, status="confirmed"),
        "ix_bookings_user_id_seq",
    ),
    "my upcoming bookings": (lambda crowd: bookings.list_own_bookings(user=crowd.organizer, tab="upcoming"), "ix_bookings_user_id_seq"),
    "my past bookings": (lambda crowd: bookings.list_own_bookings(user=crowd.organizer, tab="past"), "ix_bookings_user_id_seq"),
    "how many on each tab": (lambda crowd: bookings.count_tabs(crowd.organizer), "ix_bookings_user_id_seq"),
    "tickets I hold": (
        lambda crowd: bookings.count_held_tickets(user_id=crowd.organizer.id, event_id=crowd.busy_event),
        "ix_bookings_user_id_seq",
    ),
    "an event's bookings": (
        lambda crowd: bookings.list_event_bookings(by=crowd.staff, event_id=crowd.quiet_event),
        "ix_bookings_event_id_status_seq",
    ),
    "a large event's bookings": (lambda crowd: bookings.list_event_bookings(by=crowd.staff, event_id=crowd.busy_event), "pk_bookings"),
    "attendees in a state": (
        lambda crowd: list_attendees(by=crowd.staff, event_id=crowd.quiet_event, filters=AttendeeFilters(state="confirmed")),
        "ix_bookings_event_id_status_seq",
    ),
    "an attendee by name": (
        lambda crowd: list_attendees(by=crowd.staff, event_id=crowd.busy_event, filters=AttendeeFilters(search="user1999")),
        "ix_users_search",
    ),
    "a booking": (lambda crowd: bookings.get_booking(by=crowd.staff, booking_id=crowd.waiting.id), "uq_bookings_id"),
    "place in line": (lambda crowd: bookings.get_queue_position(crowd.waiting), "ix_bookings_queue"),
    "how quickly the line moves": (lambda crowd: bookings.get_queue_position(crowd.waiting), "ix_bookings_event_id_status_seq"),
    "the queue, whether it is empty": (lambda crowd: allocator._has_queued_bookings(crowd.busy_event), "ix_bookings_queue"),
    "the queue": (
        lambda crowd: db.session.execute(allocator._OLDEST, {"event": crowd.busy_event, "most": 1000}).all(),
        "ix_bookings_queue",
    ),
    "the queues that the sweep finds": (lambda _: bookings.list_events_with_queue(), "ix_bookings_queue"),
    "the stock that is locked": (lambda crowd: lock_inventory(crowd.busy_event), "ix_ticket_stock_event_id"),
    "who logs in by name": (lambda _: find_user_by_login("User99"), "uq_users_username_lower"),
    "a username that looks like it": (lambda _: has_lookalike("User99"), "ix_users_username_skeleton"),
    "who logs in by address": (lambda _: find_user_by_login("User99@example.org"), "ix_users_email_lower"),
    "an API token": (lambda _: find_token("some token"), "uq_api_tokens_token_sha256"),
    "the mails to send": (lambda _: db.session.scalars(outbox.waiting(utc_now(), limit=50)).all(), "ix_mails_waiting"),
    "how many bookings wait, for monitors": (lambda _: bookings.count_queued(), "ix_bookings_queue"),
    "how many mails wait, for monitors": (lambda _: outbox.count_unsettled(), "ix_mails_waiting"),
    "how many mails failed, for monitors": (lambda _: outbox.count_unsettled(), "ix_mails_failed"),
    "the newest mails": (lambda _: list_mails(), "pk_mails"),
    "confirmed bookings of an event": (
        lambda crowd: bookings.count_confirmed_bookings(crowd.quiet_event),
        "ix_bookings_event_id_status_seq",
    ),
    "idempotency keys to forget": (lambda _: delete_old(), "ix_idempotent_requests_created_at"),
    "the mail about a booking": (lambda crowd: find_decision_mail(crowd.waiting.id), "ix_mails_booking_id_id"),
}


@pytest.mark.parametrize("name", READS)
def test_reads_by_its_index(crowd, name):
    read, index = READS[name]
    plans = plans_of(lambda: read(crowd))
    assert index in {step.index for plan in plans.values() for step in plan}, plans
    scanned = {step.table for plan in plans.values() for step in plan if step.kind == "Seq Scan"}
    assert scanned == set(), plans
    # Nothing is read that is not shown, but for the few that a filter leaves out.
    assert max(step.rows for plan in plans.values() for step in plan) <= 450, plans


def test_decides_by_indexes(crowd):
    """What the allocator reads and writes in its one transaction."""
    plans = plans_of(lambda: allocator.allocate_batch(crowd.waiting.event_id))
    updates = [plan for statement, plan in plans.items() if statement.startswith("UPDATE bookings")]
    assert updates
    assert all(step.kind != "Seq Scan" for plan in plans.values() for step in plan), plans
    assert {"pk_bookings"} == {step.index for plan in updates for step in plan if step.index}


def plans_of(ask: Callable[[], object]) -> dict[str, list[Step]]:
    """By statement, how the database carries out what this call asks for. Exact counts of pages are left out."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if not statement.startswith(("SELECT count(*) AS count_1 \nFROM (", "SELECT count(*) AS count_1 \nFROM events", "INSERT")):
            asked.append((statement, parameters))

    sa.event.listen(db.engine, "before_cursor_execute", note)
    try:
        ask()
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", note)
        db.session.commit()
    with db.engine.connect() as connection, connection.connection.cursor() as cursor:
        return {statement: list(_explain(cursor, statement, parameters)) for statement, parameters in asked}


def _explain(cursor: Any, statement: str, parameters: Any) -> Iterator[Step]:
    analyze = ", ANALYZE" if statement.startswith("SELECT") else ""
    cursor.execute(f"EXPLAIN (FORMAT JSON{analyze}) {statement}", parameters)
    ((document,),) = cursor.fetchall()
    return _steps(document[0]["Plan"])


def _steps(node: dict[str, Any]) -> Iterator[Step]:
    yield Step(node["Node Type"], node.get("Relation Name", ""), node.get("Index Name", ""), node.get("Actual Rows", 0))
    for child in node.get("Plans", ()):
        yield from _steps(child)
