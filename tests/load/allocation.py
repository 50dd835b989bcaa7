"""What deciding costs: the allocator on a queue that is already there."""

import contextlib
import statistics
import time
import uuid

from sqlalchemy import insert

from evently.bookings import allocator
from evently.bookings.models import PROCESSING, Booking
from evently.bookings.signals import bookings_decided
from evently.database import transaction, utc_now
from evently.events.models import Event
from tests.load.report import Report
from tests.load.stage import make_buyers, make_event

QUEUE, ROUNDS = 5000, 5


def measure(report: Report) -> None:
    buyers = [user_id for user_id, _ in make_buyers(1000)]
    report.section("Deciding, per booking, in batches of up to 1,000")
    alone = statistics.median(_microseconds(buyers, is_muted=True) for _ in range(ROUNDS))
    whole = statistics.median(_microseconds(buyers, is_muted=False) for _ in range(ROUNDS))
    report.line("The decision alone", f"{alone:.0f} µs", floor="≤ 40 µs", holds=alone <= 40)
    report.line("With everything written beside it", f"{whole:.0f} µs", floor="≤ 150 µs", holds=whole <= 150)


def _microseconds(buyers: list[int], *, is_muted: bool) -> float:
    event = make_event(capacity=QUEUE * 9 // 10)
    _fill(event, buyers)
    with bookings_decided.muted() if is_muted else contextlib.nullcontext():
        started = time.perf_counter()
        decided = 0
        while batch := allocator.allocate_batch(event.id):
            decided += batch
        seconds = time.perf_counter() - started
    assert decided == QUEUE
    return seconds / QUEUE * 1e6


def _fill(event: Event, buyers: list[int]) -> None:
    values = {
        "event_id": event.id,
        "ticket_type_id": event.stock[0].ticket_type_id,
        "ticket_count": 1,
        "total_amount": event.price_per_ticket,
        "currency": event.currency,
        "status": PROCESSING,
        "booking_date": utc_now(),
    }
    with transaction() as session:
        rows = [{**values, "id": uuid.uuid4(), "user_id": buyers[n % len(buyers)]} for n in range(QUEUE)]
        session.connection().execute(insert(Booking), rows)
