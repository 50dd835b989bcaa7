"""`make bench-analytics`: what figures cost with 1,000,000 bookings, worked out, beside counting the rows, in one turn.

Prints everything and writes docs/benchmarks/analytics.md. Ratios are what counts; absolute numbers are this machine's.
"""

import os
import secrets
import statistics
import time
import uuid
from collections.abc import Callable

from flask.testing import FlaskClient
from sqlalchemy import select, text, update

from config import ROOT
from evently.accounts.models import User
from evently.accounts.tokens import issue_token
from evently.database import transaction
from evently.demo.load import seed_load
from evently.events.models import Event
from evently.extensions import db
from evently.reporting.models import EventTotal
from evently.reporting.recount import Drift, find_drift, rebuild
from tests.factories import log_in
from tests.load.report import Report
from tests.load.stage import describe_machine, stage

BOOKINGS = int(os.environ.get("BOOKINGS", "1000000"))
# One event for so many bookings; so many of them are of one that everybody wants.
PER_EVENT, CROWD = 100, BOOKINGS * 6 // 10
ROUNDS = 15
# Milliseconds in which a page or an answer is there, and how much longer counting must take.
QUICK, RATIO = 50, 10

# What each page would have to count without roll-ups.
COUNT_ALL = """
SELECT date(timezone('UTC', b.booking_date)) AS day, b.currency, count(*) FILTER (WHERE b.status = 'confirmed'),
       sum(b.ticket_count) FILTER (WHERE b.status = 'confirmed'), sum(b.total_amount) FILTER (WHERE b.status = 'confirmed'), count(*)
FROM bookings b JOIN events e ON e.id = b.event_id
WHERE b.status IN ('confirmed', 'cancelled') AND b.decided_at IS NOT NULL {condition} GROUP BY day, b.currency
"""
# Bookings of others, once more, for this event.
CROWD_OUT = """
INSERT INTO bookings (id, event_id, ticket_type_id, user_id, ticket_count, total_amount, currency, status, booking_date,
                      decided_at)
SELECT gen_random_uuid(), :event, s.ticket_type_id, b.user_id, b.ticket_count, b.total_amount, b.currency, b.status, b.booking_date,
       b.decided_at
FROM bookings b JOIN ticket_stock s ON s.event_id = :event WHERE b.status = 'confirmed' ORDER BY b.seq DESC LIMIT :count
"""
COUNT_CONFIRMED = (
    "SELECT count(*) FROM bookings b JOIN events e ON e.id = b.event_id WHERE b.status = 'confirmed' AND e.archived_at IS NULL"
)
COUNT_POPULAR = """
SELECT e.id, e.name, count(*) AS bookings FROM bookings b JOIN events e ON e.id = b.event_id
WHERE b.status = 'confirmed' GROUP BY e.id, e.name ORDER BY bookings DESC, e.id LIMIT 10
"""
COUNT_FULLEST = """
SELECT e.id, e.name, coalesce(sum(b.ticket_count), 0) AS taken, e.capacity
FROM events e LEFT JOIN bookings b ON b.event_id = e.id AND b.status = 'confirmed' WHERE e.archived_at IS NULL
GROUP BY e.id, e.name, e.capacity, e.time ORDER BY coalesce(sum(b.ticket_count), 0) * 1.0 / e.capacity DESC, e.time DESC, e.id LIMIT 1000
"""


def main() -> None:
    report = Report("Figures", "analytics.md", describe_machine())
    with stage(CACHE_ENABLED="false", RATELIMIT_ENABLED="false") as played:
        report.section(f"A full site: {BOOKINGS // PER_EVENT:,} events, {BOOKINGS:,} bookings, {CROWD:,} of them of one event")
        report.line("`flask seed-load`", f"{_seconds(lambda: seed_load(events=BOOKINGS // PER_EVENT, bookings=BOOKINGS - CROWD)):.0f} s")
        crowded = _crowd()
        report.line("`flask reports rebuild`", f"{_seconds(rebuild):.0f} s")
        drift: list[Drift] = []
        found = _seconds(lambda: drift.extend(find_drift()))
        report.line("`flask reports check`", f"{found:.0f} s, {len(drift)} figures differ", floor="none differs", holds=not drift)
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
        _measure(report, played.app.test_client(), "staff", _staff(), crowded)
        owner = _owner()
        rebuild()
        _measure(report, played.app.test_client(), "the organizer of all that", owner, crowded)
    report.write(ROOT / "docs" / "benchmarks")


def _measure(report: Report, client: FlaskClient, who: str, user: User, crowded: uuid.UUID) -> None:
    token = issue_token(user=user)
    headers = {"Authorization": f"Token {token}"}
    log_in(client, user)
    sums, one = COUNT_ALL.format(condition=""), COUNT_ALL.format(condition="AND b.event_id = :event")
    places = {
        "`GET /api/admin/analytics/`": ("/api/admin/analytics/", (COUNT_CONFIRMED, COUNT_POPULAR, COUNT_FULLEST)),
        "`GET /api/admin/analytics/{id}/`": (f"/api/admin/analytics/{crowded}/", (one,)),
        "Analytics, 30 days": ("/dashboard/analytics", (sums, COUNT_POPULAR)),
        "Analytics, a year": ("/dashboard/analytics?days=365", (sums, COUNT_POPULAR)),
        "Analytics, all time": ("/dashboard/analytics?days=all", (sums, COUNT_POPULAR)),
        "Analytics of one event": (f"/dashboard/events/{crowded}/analytics?days=all", (one,)),
    }
    report.section(f"For {who}, nothing kept, at the median, beside nothing but the same sums from the rows")
    for name, (path, raw) in places.items():
        ours = _median(lambda path=path: _get(client, path, headers if path.startswith("/api") else {}))
        counted = _median(lambda raw=raw: _count(raw, crowded), rounds=5)
        report.line(name, f"{ours:.1f} ms", floor=f"≤ {QUICK} ms", holds=ours <= QUICK)
        report.line("counted instead", f"{counted:.0f} ms: {counted / ours:.0f} ×", floor=f"≥ {RATIO} ×", holds=counted >= RATIO * ours)


def _get(client: FlaskClient, path: str, headers: dict[str, str]) -> None:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200, (path, answer.status_code)


def _count(statements: tuple[str, ...], event_id: uuid.UUID) -> None:
    with db.engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement), {"event": event_id} if ":event" in statement else {}).all()


def _crowd() -> uuid.UUID:
    """The event with most bookings gets many more: its page has much to count."""
    with transaction() as session:
        event_id: uuid.UUID = session.execute(select(EventTotal.event_id).order_by(EventTotal.bookings.desc()).limit(1)).scalar_one()
        session.execute(text(CROWD_OUT), {"event": event_id, "count": CROWD})
        session.execute(text("UPDATE events SET capacity = capacity + 4 * :count WHERE id = :event"), {"event": event_id, "count": CROWD})
        held = "(SELECT sum(ticket_count) FROM bookings WHERE event_id = :event AND status = 'confirmed')"
        stock = f"UPDATE ticket_stock SET capacity = capacity + 4 * :count, reserved = {held} WHERE event_id = :event"
        session.execute(text(stock), {"event": event_id, "count": CROWD})
    return event_id


def _staff() -> User:
    return _person(is_staff=True)


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


def _median(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Milliseconds."""
    work()
    return 1000 * statistics.median(_seconds(work) for _ in range(rounds))


if __name__ == "__main__":
    main()
