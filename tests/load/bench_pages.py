"""`make bench-pages`: how long pages take with ten thousand events, beside a bare Flask page on the same server, in one turn.

Prints everything and writes docs/benchmarks/pages.md. Ratios are what counts; absolute numbers are this machine's.
"""

import datetime as dt
import itertools
import statistics
import uuid
from collections.abc import Iterator
from decimal import Decimal

from flask import Flask

from config import ROOT
from evently.accounts.models import User
from evently.database import transaction, utc_now
from evently.events.models import CATEGORIES, Event
from evently.events.services import add_events
from evently.extensions import db
from tests.load import client
from tests.load.report import Report
from tests.load.stage import describe_machine, stage

EVENTS, VENUES, DAYS = 10_000, 400, 365
ROUNDS, REQUESTS = 3, 150
# connections for the last column: as many as a busy site has at any moment
CROWD = 16
# milliseconds at the median, warm, one visitor at a time
FLOOR = 10.0
# What the bare page sends: about as much as the listing.
BARE_PAGE = "<!doctype html>" + "<p>nothing</p>" * 1500
WORDS = ("Organ", "Night", "River", "Paper", "Harbour", "Winter", "Letters", "Brass", "Garden", "Maps")


def create_bare_page() -> Flask:
    app = Flask(__name__)

    @app.get("/healthz")
    def alive() -> str:
        return "ok"

    @app.get("/")
    def page() -> str:
        return BARE_PAGE

    return app


def main() -> None:
    report = Report("Pages with 10,000 events", "pages.md", describe_machine())
    # Limits are counted as ever, and are wide enough for one client that asks a thousand times.
    with stage(RATELIMIT_DEFAULT="1000000 per minute") as played:
        event = make_programme()
        site, bare = played.start_web(), played.start_web("--factory", "tests.load.bench_pages:create_bare_page")
        report.section("One visitor at a time")
        base = measure(report, "A bare Flask page, for comparison", bare, "/")
        for what, path in pages(event):
            p50 = measure(report, what, site, path)
            if path == "/":
                report.line("Listing, p50 beside the bare page", f"{p50 - base:+.1f} ms", floor=f"p50 ≤ {FLOOR:.0f} ms", holds=p50 <= FLOOR)
        report.section(f"{CROWD} visitors at once")
        for what, address, path in (("A bare Flask page", bare, "/"), ("Listing", site, "/"), ("Event", site, f"/events/{event.id}")):
            result = client.run(address, ask(path, 4 * REQUESTS), connections=CROWD)
            report.line(f"{what}, pages per second", f"{result.per_second:,.0f}")
    report.write(ROOT / "docs" / "benchmarks")


def pages(event: Event) -> Iterator[tuple[str, str]]:
    yield "Listing", "/"
    yield "Listing, one category this month", "/?when=month&category=music"
    yield "Listing, tenth page", "/?page=10"
    yield "Listing, searched for a word", "/?q=harbour"
    yield "Listing, cheapest first with seats left", "/?sort=price&available=1"
    yield "Calendar of a full month", f"/?view=calendar&month={event.time:%Y-%m}"
    yield "Event", f"/events/{event.id}"
    yield "Poster", f"/events/{event.id}/poster.svg"
    yield "Feed of a search", "/events.ics?category=music&when=month"


def measure(report: Report, what: str, address: tuple[str, int], path: str) -> float:
    """The median of the rounds' medians, in milliseconds, once the caches are warm."""
    client.run(address, ask(path, 20), connections=2)
    results = [client.run(address, ask(path, REQUESTS), connections=1) for _ in range(ROUNDS)]
    assert all(set(result.statuses) == {200} for result in results), (path, [result.statuses for result in results])
    p50, p95 = (statistics.median(result.percentile(share) for result in results) for share in (0.5, 0.95))
    report.line(f"{what}, p50 / p95", f"{p50:.1f} / {p95:.1f} ms")
    return p50


def ask(path: str, times: int) -> Iterator[bytes]:
    return itertools.repeat(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(), times)


def make_programme() -> Event:
    """A year of events, one of which comes back."""
    organizer = User(username="houses", email="houses@example.org", password_hash="-", is_organizer=True)
    with transaction() as session:
        session.add(organizer)
    events = [make_entry(organizer, number) for number in range(EVENTS)]
    for start in range(0, EVENTS, 1000):
        add_events(events[start : start + 1000])
    # As PostgreSQL does by itself some minutes later, which would fall into the measuring.
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
    return events[EVENTS // 12]


def make_entry(organizer: User, number: int) -> Event:
    time = utc_now() + dt.timedelta(days=1 + number * DAYS / EVENTS)
    return Event(
        id=uuid.uuid5(uuid.NAMESPACE_OID, str(number)),
        organizer_id=organizer.id,
        name=f"{WORDS[number % 10]} and {WORDS[number // 10 % 10]}, evening {number}",
        summary="What people who came last year still talk about.",
        description="Bring **blankets**.\n\n" * 20,
        venue=f"House {number % VENUES}, Leipzig",
        category=CATEGORIES[number % len(CATEGORIES)],
        time=time,
        ends_at=time + dt.timedelta(hours=2),
        timezone=("Europe/Berlin", "Europe/London", "America/New_York")[number % 3],
        capacity=100 + number % 400,
        price_per_ticket=Decimal(number % 60),
        currency="EUR",
        status="published",
    )


if __name__ == "__main__":
    main()
