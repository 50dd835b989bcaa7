"""`make bench-booking`: what the booking engine takes and gives, beside a bare handler on the same server, in one turn.

Prints everything and writes docs/benchmarks/booking.md. Ratios are what counts; absolute numbers are this machine's.
"""

import itertools
import json
import statistics
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import psutil
from sqlalchemy import func, select

from config import ROOT
from evently.bookings import consistency
from evently.bookings.models import CONFIRMED, PROCESSING, Booking
from evently.events.models import Event
from evently.extensions import db
from tests.load import allocation, client, contention
from tests.load.bare import narrow
from tests.load.report import Report
from tests.load.stage import Stage, booking_body, describe_machine, make_buyers, make_event, stage

ROUNDS = 3
# requests in one round, by connections
SIZES = {50: 3000, 1000: 6000}
# times one person books; below their limit of 10 a minute
EACH = 8
HTTP_FLOORS = {50: 0.60, 1000: 0.45}


@dataclass
class Compared:
    """The site and the bare handler over the same number of connections."""

    site: list[client.Result]
    bare: list[client.Result]
    narrow: list[client.Result]
    decision_ms: list[float]
    cpu_ms: float

    def ratio(self, yardstick: list[client.Result]) -> float:
        return statistics.median(s.per_second / b.per_second for s, b in zip(self.site, yardstick, strict=True))


def main() -> None:
    report = Report("The booking engine", "booking.md", describe_machine())
    with stage() as played:
        narrow.create(db.engine)
        site, bare = played.start_web(), played.start_web("--factory", "tests.load.bare:create_bare")
        played.start_worker("bookings")
        played.start_worker("mail,default")
        _warm_up(site, bare)
        for connections in SIZES:
            _report_http(report, connections, _compare(played, site, bare, connections))
        _report_half_load(report, site)
        _report_rush(report, site)
        report.line("Memory, web and workers together at the peak", f"{_rss(played):.0f} MB", floor="≤ 400 MB", holds=_rss(played) <= 400)
        played.supervisor.stop()
        allocation.measure(report)
        contention.measure(report)
        breaches = list(consistency.check())
        report.line("Rows that break an invariant", str(len(breaches)), floor="0", holds=not breaches)
    report.write(ROOT / "docs" / "benchmarks")


def _warm_up(site: tuple[str, int], bare: tuple[str, int]) -> None:
    """Every process has compiled its statements and knows its buyers before anything is measured."""
    event = make_event(capacity=10_000)
    client.run(bare, rows("/rows/", event, 500), connections=50)
    client.run(bare, rows("/narrow/", event, 500), connections=50)
    client.run(site, bookings(booking_body(event.id), 1000), connections=50)
    wait_until_decided(event.id)


def _compare(played: Stage, site: tuple[str, int], bare: tuple[str, int], connections: int) -> Compared:
    size = SIZES[connections]
    compared = Compared([], [], [], [], 0.0)
    cpu = 0.0
    for _ in range(ROUNDS):
        compared.narrow.append(client.run(bare, rows("/narrow/", make_event(capacity=1), size), connections=connections))
        compared.bare.append(client.run(bare, rows("/rows/", make_event(capacity=1), size), connections=connections))
        event_id = make_event(capacity=10 * size).id
        before = _cpu_seconds(played)
        compared.site.append(client.run(site, bookings(booking_body(event_id), size, connections=connections), connections=connections))
        wait_until_decided(event_id)
        cpu += _cpu_seconds(played) - before
        compared.decision_ms += _decision_times(event_id)
    compared.cpu_ms = 1000 * cpu / (size * ROUNDS)
    for result in (*compared.site, *compared.bare, *compared.narrow):
        assert set(result.statuses) == {201}, result.statuses
    return compared


def _report_http(report: Report, connections: int, compared: Compared) -> None:
    site, decisions = sorted(itertools.chain.from_iterable(r.latencies for r in compared.site)), sorted(compared.decision_ms)
    floor, ratio = HTTP_FLOORS[connections], compared.ratio(compared.bare)
    report.section(f"HTTP at {connections} connections")
    report.line("Bookings per second, token and limits on", f"{statistics.median(r.per_second for r in compared.site):,.0f}")
    report.line("Bare inserts of such a row per second", f"{statistics.median(r.per_second for r in compared.bare):,.0f}")
    report.line("Ratio", f"{ratio:.2f}", floor=f"≥ {floor:.2f}", holds=ratio >= floor)
    report.line("Ratio to bare inserts into a table of five columns without indexes", f"{compared.ratio(compared.narrow):.2f}")
    report.line("Accepted, p50 / p95 / p99", " / ".join(f"{_at(site, share):.1f}" for share in (0.5, 0.95, 0.99)) + " ms")
    report.line("Insert to final, p50 / p99", f"{_at(decisions, 0.5):.1f} / {_at(decisions, 0.99):.1f} ms")
    report.line("CPU per booking, web and workers", f"{compared.cpu_ms:.2f} ms")


def _report_half_load(report: Report, site: tuple[str, int]) -> None:
    """How long people wait for a decision when the site is busy and not flooded."""
    size = SIZES[50]
    flood_id, event_id = make_event(capacity=size).id, make_event(capacity=size).id
    most = client.run(site, bookings(booking_body(flood_id), size), connections=50).per_second
    wait_until_decided(flood_id)
    result = client.run(site, bookings(booking_body(event_id), size), connections=20, per_second=most / 2)
    wait_until_decided(event_id)
    decisions = sorted(_decision_times(event_id))
    p50, p99 = _at(decisions, 0.5), _at(decisions, 0.99)
    report.section(f"Half of that load, {result.per_second:,.0f} bookings per second")
    report.line("Accepted, p50 / p95 / p99", " / ".join(f"{result.percentile(share):.1f}" for share in (0.5, 0.95, 0.99)) + " ms")
    report.line("Insert to final, p50", f"{p50:.1f} ms", floor="≤ 10 ms", holds=p50 <= 10)
    report.line("Insert to final, p99", f"{p99:.1f} ms", floor="≤ 100 ms", holds=p99 <= 100)


def _report_rush(report: Report, site: tuple[str, int]) -> None:
    """A thousand people, five hundred seats."""
    event_id = make_event(capacity=500).id
    body = booking_body(event_id)
    requests = iter([client.post("/api/bookings/", body, host="localhost", token=token) for _, token in make_buyers(1000)])
    result = client.run(site, requests, connections=1000)
    started = time.monotonic()
    wait_until_decided(event_id)
    report.section("A rush: 1,000 people, 500 seats, all at once")
    report.line("Answers", ", ".join(f"{count} × {status}" for status, count in sorted(result.statuses.items())))
    sold = db.session.scalar(select(func.sum(Booking.ticket_count)).where(Booking.event_id == event_id, Booking.status == CONFIRMED))
    report.line("Seats sold", str(sold), floor="500", holds=sold == 500)
    waited = time.monotonic() - started
    report.line("All final after the last answer", f"{waited:.2f} s", floor="≤ 5 s", holds=waited <= 5)
    inversions = _inversions(event_id)
    report.line("Order inversions (failed, although somebody later got a seat)", str(inversions), floor="0", holds=inversions == 0)


def bookings(body: bytes, size: int, *, connections: int = 50) -> Iterator[bytes]:
    # Enough people that nobody books twice at once, which is refused.
    people = make_buyers(max(size // EACH, 2 * connections))
    requests = [client.post("/api/bookings/", body, host="localhost", token=token) for _, token in people]
    return itertools.islice(itertools.cycle(requests), size)


def rows(path: str, event: Event, size: int) -> Iterator[bytes]:
    """What the bare handler gets: as much to parse, and as many people, so that none of their rows is fought over."""
    told = {"event_id": str(event.id), "ticket_type_id": str(event.stock[0].ticket_type_id), "number_of_tickets": 1}
    bodies = [json.dumps(told | {"user_id": user_id}).encode() for user_id, _ in make_buyers(size // EACH + 1)]
    return itertools.islice(itertools.cycle([client.post(path, body, host="localhost") for body in bodies]), size)


def wait_until_decided(event_id: uuid.UUID, timeout: float = 60.0) -> None:
    deadline = time.monotonic() + timeout
    waiting = select(func.count()).where(Booking.event_id == event_id, Booking.status == PROCESSING)
    while db.session.scalar(waiting):
        db.session.remove()
        assert time.monotonic() < deadline, "bookings are still waiting"
        time.sleep(0.02)


def _decision_times(event_id: uuid.UUID) -> list[float]:
    """Milliseconds from a booking's arrival to its decision."""
    moments = db.session.execute(select(Booking.booking_date, Booking.decided_at).where(Booking.event_id == event_id))
    return [(decided - arrived).total_seconds() * 1000 for arrived, decided in moments]


def _inversions(event_id: uuid.UUID) -> int:
    """Bookings that failed although a later one of the same size was confirmed."""
    in_order = select(Booking.status).where(Booking.event_id == event_id).order_by(Booking.seq)
    statuses = list(db.session.scalars(in_order))
    last_confirmed = max(n for n, status in enumerate(statuses) if status == CONFIRMED)
    return Counter(statuses[:last_confirmed])["failed"]


def _processes(played: Stage) -> list[psutil.Process]:
    """The web servers and the workers of this benchmark, without its databases."""
    parts = [psutil.Process(service.child.pid) for service in played.services if service.child]
    return [process for part in parts for process in (part, *part.children(recursive=True))]


def _cpu_seconds(played: Stage) -> float:
    return sum(times.user + times.system for times in (process.cpu_times() for process in _processes(played)))


def _rss(played: Stage) -> float:
    """MB; the bare handler's server is left out."""
    site = [process for process in _processes(played) if not any("bare" in word for word in process.cmdline())]
    return sum(process.memory_info().rss for process in site) / 1e6


def _at(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


if __name__ == "__main__":
    main()
