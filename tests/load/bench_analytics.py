"""`make bench-analytics`: what figures cost with 1,000,000 bookings, worked out, beside counting the rows, in one turn.

Beside each page and answer stands the plain SQL that gives its figures from the rows, written as one would without
roll-ups; what both say is compared first. Two sites are looked at, both fixed by the number in the floor and not by what
comes of it. Spread: a million bookings of 10,000 events as `flask seed-load` makes them, none of which stands out; that is
where figures over all events are measured. One house: an event of a million seats, the most that an event may have, each
of them booked by itself; that is where the figures of one event are measured, for they know of no other bookings. An event
of 10,000 bookings, a large one, stands beside it without a ratio to keep: to count so few takes about as long as a page.

Prints everything and writes docs/benchmarks/analytics.md. Ratios are what counts; absolute numbers are this machine's.
"""

import os
import secrets
import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select, text, update

from config import ROOT
from evently.accounts.models import User
from evently.accounts.tokens import issue_token
from evently.dashboard.periods import Period
from evently.database import transaction
from evently.demo.load import seed_load
from evently.events.models import Event
from evently.extensions import db
from evently.reporting.models import EventTotal
from evently.reporting.rollup_verification import Mismatch, find_mismatches, rebuild
from evently.reporting.time_series import get_event_figures, list_days
from tests.factories import log_in
from tests.load.report import Report
from tests.load.stage import describe_machine, stage

BOOKINGS = int(os.environ.get("BOOKINGS", "1000000"))
# One event for so many bookings.
PER_EVENT = 100
LARGE = BOOKINGS // 100
ROUNDS, ROUNDS_OF_COUNTING = 21, 7
# Milliseconds in which a page or an answer is there, and how much longer counting must take.
QUICK, RATIO = 50, 10

# `{of}` narrows to one organizer's events.
OF_ORGANIZER = "JOIN events o ON o.id = b.event_id AND o.organizer_id = :organizer"
DAYS = """
SELECT date(timezone('UTC', b.booking_date)) AS day, b.currency, count(*) FILTER (WHERE b.status = 'confirmed'),
       sum(b.ticket_count) FILTER (WHERE b.status = 'confirmed'), sum(b.total_amount) FILTER (WHERE b.status = 'confirmed'), count(*)
FROM bookings b {of} WHERE b.status IN ('confirmed', 'cancelled') AND b.decided_at IS NOT NULL {when} GROUP BY day, b.currency
"""
SINCE, OF_EVENT = "AND b.booking_date >= :since", "AND b.event_id = :event"
CONFIRMED = "SELECT count(*) FROM bookings b {of} WHERE b.status = 'confirmed'"
POPULAR = """
SELECT e.id, e.name, t.bookings FROM events e JOIN (
  SELECT b.event_id, count(*) AS bookings FROM bookings b {of} WHERE b.status = 'confirmed' GROUP BY b.event_id ORDER BY 2 DESC, 1 LIMIT 10
) t ON t.event_id = e.id ORDER BY t.bookings DESC, e.id
"""
FULLEST = """
SELECT e.id, e.name, round(100.0 * coalesce(t.taken, 0) / e.capacity, 2) FROM events e LEFT JOIN (
  SELECT b.event_id, sum(b.ticket_count) AS taken FROM bookings b {of} WHERE b.status = 'confirmed' GROUP BY b.event_id
) t ON t.event_id = e.id WHERE e.archived_at IS NULL ORDER BY coalesce(t.taken, 0)::float / e.capacity DESC, e.time DESC, e.id LIMIT :most
"""
# Bookings of others once more, for one seat of this event each.
FILL_UP = """
INSERT INTO bookings (id, event_id, ticket_type_id, user_id, ticket_count, total_amount, currency, status, booking_date,
                      decided_at)
SELECT gen_random_uuid(), :event, s.ticket_type_id, b.user_id, 1, b.total_amount / b.ticket_count, b.currency, 'confirmed', b.booking_date,
       coalesce(b.decided_at, b.booking_date)
FROM bookings b JOIN ticket_stock s ON s.event_id = :event WHERE b.event_id <> :event ORDER BY b.id LIMIT :count
"""


def main() -> None:
    report = Report("Figures", "analytics.md", describe_machine())
    with stage(CACHE_ENABLED="false", RATELIMIT_ENABLED="false") as played:
        client = played.app.test_client()
        report.section(f"Spread: {BOOKINGS:,} bookings of {BOOKINGS // PER_EVENT:,} events")
        report.line("`flask seed-load`", f"{_seconds(lambda: seed_load(events=BOOKINGS // PER_EVENT, bookings=BOOKINGS)):.0f} s")
        report.line("`flask reports rebuild`", f"{_seconds(rebuild):.0f} s")
        drift: list[Mismatch] = []
        found = _seconds(lambda: drift.extend(find_mismatches()))
        report.line("`flask reports check`", f"{found:.0f} s, {len(drift)} figures differ", floor="none differs", holds=not drift)
        staff = _person(is_staff=True)
        _vacuum()
        _over_all(report, client, "staff", staff, "")
        owner = _owner()
        rebuild()
        _vacuum()
        _over_all(report, client, "the organizer of all that", owner, OF_ORGANIZER)
        house, large = (_filled(place, count) for place, count in enumerate((BOOKINGS, LARGE)))
        rebuild()
        _vacuum()
        _of_one(report, client, "One house", house, staff, floor=f"≥ {RATIO} ×")
        _of_one(report, client, "A large event, which counting would do for", large, staff)
    report.write(ROOT / "docs" / "benchmarks")


def _over_all(report: Report, client: FlaskClient, who: str, user: User, of: str) -> None:
    days, a_year = Period.read({}).before, Period.read({"days": "365"}).before
    confirmed, popular, fullest = (query.format(of=of) for query in (CONFIRMED, POPULAR, FULLEST))
    since, ever = DAYS.format(of=of, when=SINCE), DAYS.format(of=of, when="")
    known: dict[str, Any] = {"organizer": user.id, "most": 1000}
    report.section(f"For {who}, nothing kept, at the median, beside the same figures from the rows")
    answer = _ask(client, user, "/api/admin/analytics/").json
    assert answer["total_bookings"] == _count([confirmed], known)[0][0][0]
    assert [event["bookings"] for event in answer["most_popular_events"]] == [row[2] for row in _count([popular], known)[0]]
    fullness = [event["utilization_percentage"] for event in answer["capacity_utilization"]]
    assert fullness == [float(row[2]) for row in _count([fullest], known)[0]]
    _compare(list_days(by=user, first=None, last=Period.read({}).last), _count([ever], known)[0])
    _line(report, client, user, "`GET /api/admin/analytics/`", "/api/admin/analytics/", [confirmed, popular, fullest], known)
    known["most"] = 10
    for name, address, query, first in (
        ("Analytics, 30 days", "", since, days),
        ("Analytics, a year", "?days=365", since, a_year),
        ("Analytics, all time", "?days=all", ever, None),
    ):
        _line(report, client, user, name, f"/dashboard/analytics{address}", [query, popular, fullest], {**known, "since": first})


def _of_one(report: Report, client: FlaskClient, title: str, event_id: uuid.UUID, user: User, *, floor: str = "") -> None:
    known, query = {"event": event_id}, DAYS.format(of="", when=OF_EVENT)
    counted = _count([query], known)[0]
    _compare(get_event_figures(by=user, event_id=event_id, last=Period.read({}).last).days, counted)
    report.section(f"{title}: one event of {sum(row[5] for row in counted):,} bookings")
    for name, address in (
        ("`GET /api/admin/analytics/{id}/`", f"/api/admin/analytics/{event_id}/"),
        ("Analytics of the event, all time", f"/dashboard/events/{event_id}/analytics?days=all"),
    ):
        _line(report, client, user, name, address, [query], known, floor=floor)


def _line(
    report: Report,
    client: FlaskClient,
    user: User,
    name: str,
    address: str,
    queries: list[str],
    known: dict[str, Any],
    *,
    floor: str = f"≥ {RATIO} ×",
) -> None:
    """In turns, so that whatever else the machine does is done to both."""
    ours, counted = [], []
    for place in range(ROUNDS):
        ours.append(_seconds(lambda: _ask(client, user, address)))
        if place < ROUNDS_OF_COUNTING:
            counted.append(_seconds(lambda: _count(queries, known)))
    page, rows = 1000 * statistics.median(ours[1:]), 1000 * statistics.median(counted[1:])
    report.line(name, f"{page:.1f} ms", floor=f"≤ {QUICK} ms", holds=page <= QUICK)
    report.line("counted instead", f"{rows:.1f} ms: {rows / page:.1f} ×", floor=floor, holds=not floor or rows >= RATIO * page)


def _ask(client: FlaskClient, user: User, address: str) -> Any:
    answer = client.get(address, headers=_entry(client, user) if address.startswith("/api") else {})
    assert answer.status_code == 200, (address, answer.status_code)
    return answer


_entries: dict[int, dict[str, str]] = {}


def _entry(client: FlaskClient, user: User) -> dict[str, str]:
    """Signs in once, for pages and for answers."""
    if user.id not in _entries:
        _entries.clear()
        _entries[user.id] = {"Authorization": f"Token {issue_token(user=user).token}"}
        log_in(client, user)
    return _entries[user.id]


def _count(queries: list[str], known: dict[str, Any]) -> list[Any]:
    with db.engine.connect() as connection:
        return [connection.execute(text(query), {name: known[name] for name in _names(query, known)}).all() for query in queries]


def _names(query: str, known: dict[str, Any]) -> Iterator[str]:
    return (name for name in known if f":{name}" in query)


def _compare(days: dict[Any, Any], rows: list[Any]) -> None:
    """What roll-ups and rows say of each day."""
    found: dict[Any, list[int]] = {}
    for day, _, bookings, tickets, _, ever in rows:
        sums = found.setdefault(day, [0, 0, 0])
        sums[:] = [sums[0] + bookings, sums[1] + (tickets or 0), sums[2] + ever]
    assert found == {day: [sold.bookings, sold.tickets, sold.ever_confirmed] for day, sold in days.items()}


def _filled(place: int, count: int) -> uuid.UUID:
    """Another of the events with the most bookings, with so many."""
    with transaction() as session:
        ranked = select(EventTotal.event_id, EventTotal.bookings).order_by(EventTotal.bookings.desc(), EventTotal.event_id)
        event_id, there = session.execute(ranked.offset(place).limit(1)).one()
        session.execute(text(FILL_UP), {"event": event_id, "count": count - there})
        held = "(SELECT sum(ticket_count) FROM bookings WHERE event_id = :event AND status = 'confirmed')"
        for statement in (
            f"UPDATE ticket_stock SET capacity = greatest(capacity, {held}), reserved = {held} WHERE event_id = :event",
            f"UPDATE events SET capacity = greatest(capacity, {held}) WHERE id = :event",
        ):
            session.execute(text(statement), {"event": event_id})
    return uuid.UUID(str(event_id))


def _vacuum() -> None:
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")


def _owner() -> User:
    """Of every event."""
    owner = _person(is_organizer=True)
    with transaction() as session:
        session.execute(update(Event).values(organizer_id=owner.id))
    return owner


def _person(**roles: bool) -> User:
    name = secrets.token_hex(8)
    with transaction() as session:
        user = User(username=name, email=f"{name}@example.org", password_hash="-", **roles)
        session.add(user)
    return user


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
