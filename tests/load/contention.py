"""The queue beside the obvious alternative, one conditional UPDATE per booking, with many clients at once.

Both sides write the same booking row; the alternative decides it in the same transaction under the hot row's lock,
the queue leaves it to an allocator that runs beside the clients. Both are counted until everything is decided.
Clients are threads that speak psycopg2 directly, so that what is compared is the database's work.
"""

import threading
import time
import uuid
from collections.abc import Callable

import psycopg2
from flask import current_app
from sqlalchemy import func, select

from evently.bookings import allocator
from evently.bookings.models import PROCESSING, Booking
from evently.bookings.signals import bookings_decided
from evently.events.models import Event
from evently.extensions import db
from tests.load.report import Report
from tests.load.stage import make_buyers, make_event

CASES = ((8, 0.0, 2.0), (32, 0.0, 3.5), (32, 0.001, 8.0))
BOOKINGS = {0.0: 4000, 0.001: 2000}
# Of each case; the one with the median ratio is told.
ROUNDS = 3
INSERT = """
    INSERT INTO bookings (id, event_id, ticket_type_id, user_id, ticket_count, total_amount, currency, status, booking_date, decided_at)
    VALUES (%s, %s, %s, %s, 1, 12, 'EUR', %s, now(), %s)
"""
RESERVE = "UPDATE ticket_stock SET reserved = reserved + 1 WHERE ticket_type_id = %s AND reserved + 1 <= capacity"


def measure(report: Report) -> None:
    report.section("The queue beside one conditional UPDATE per booking, bookings decided per second")
    (user_id, _), *_ = make_buyers(1)
    for clients, commit_seconds, floor in CASES:
        count = BOOKINGS[commit_seconds]
        rounds = [
            (_queue(user_id, clients, commit_seconds, count), _direct(user_id, clients, commit_seconds, count)) for _ in range(ROUNDS)
        ]
        queue, direct = sorted(rounds, key=lambda pair: pair[0] / pair[1])[ROUNDS // 2]
        what = f"{clients} clients" + (f", commits of {commit_seconds * 1000:g} ms" if commit_seconds else "")
        ratio = queue / direct
        report.line(what, f"{queue:,.0f} beside {direct:,.0f}: {ratio:.1f} ×", floor=f"≥ {floor:g} ×", holds=ratio >= floor)


def _direct(user_id: int, clients: int, commit_seconds: float, count: int) -> float:
    event = make_event(capacity=count)

    def book(cursor: psycopg2.extensions.cursor) -> None:
        cursor.execute("BEGIN")
        cursor.execute(RESERVE, [str(event.stock[0].ticket_type_id)])
        status = "confirmed" if cursor.rowcount else "failed"
        cursor.execute(INSERT, [*_row(event, user_id), status, "now"])
        _commit(cursor, commit_seconds)

    started = time.perf_counter()
    _run(_url(), clients, count, book)
    return count / (time.perf_counter() - started)


def _queue(user_id: int, clients: int, commit_seconds: float, count: int) -> float:
    event = make_event(capacity=count)

    def book(cursor: psycopg2.extensions.cursor) -> None:
        if commit_seconds:
            cursor.execute("BEGIN")
        cursor.execute(INSERT, [*_row(event, user_id), PROCESSING, None])
        if commit_seconds:
            _commit(cursor, commit_seconds)

    started = time.perf_counter()
    with bookings_decided.muted():
        accepting = threading.Thread(target=_run, args=(_url(), clients, count, book))
        accepting.start()
        waiting = select(func.count()).where(Booking.event_id == event.id, Booking.status == PROCESSING)
        while accepting.is_alive() or db.session.scalar(waiting):
            allocator.process_queue(event.id)
            db.session.remove()
    # The last drain lingers; that is no work.
    return count / (time.perf_counter() - started - current_app.config["ALLOCATOR_LINGER_MS"] / 1000)


def _commit(cursor: psycopg2.extensions.cursor, seconds: float) -> None:
    if seconds:
        # A disk that takes its time: the locks are held while the commit is on its way.
        cursor.execute("SELECT pg_sleep(%s)", [seconds])
    cursor.execute("COMMIT")


def _url() -> str:
    return db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


def _row(event: Event, user_id: int) -> list[str | int]:
    return [str(uuid.uuid4()), str(event.id), str(event.stock[0].ticket_type_id), user_id]


def _run(url: str, clients: int, count: int, book: Callable[[psycopg2.extensions.cursor], None]) -> None:
    def work() -> None:
        connection = psycopg2.connect(url)
        connection.autocommit = True
        with connection.cursor() as cursor:
            for _ in range(count // clients):
                book(cursor)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
