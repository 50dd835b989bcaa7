"""On a quiet day nobody need read that they stand in line: the answer to a booking waits a moment for its decision."""

import threading
import time

from flask import current_app
from sqlalchemy import bindparam, select

from evently.bookings import queries
from evently.bookings.models import PROCESSING, Booking
from evently.extensions import db

# seconds between two looks
POLL_INTERVAL = 0.02
# bookings ahead; in a longer line the page that shows one's place is the better answer
MAX_QUEUE_TO_WAIT_FOR = 20
# Whoever waits holds one of the web server's threads, and others are to have some too.
_slots = threading.BoundedSemaphore(2)

# Built once, because it is asked every few milliseconds.
_STATUS = select(Booking.__table__.c.status).where(Booking.__table__.c.id == bindparam("booking"))


def wait_for_decision(booking: Booking) -> None:
    """Return once it is decided, or after DECISION_WAIT_MS; at once where the line is long or others wait already."""
    until = time.monotonic() + current_app.config["DECISION_WAIT_MS"] / 1000
    if time.monotonic() >= until or queries.count_ahead(booking) > MAX_QUEUE_TO_WAIT_FOR or not _slots.acquire(blocking=False):
        return
    try:
        # Neither a transaction nor a connection is held between two looks.
        db.session.remove()
        while _status(booking) == PROCESSING and time.monotonic() < until:
            time.sleep(POLL_INTERVAL)
    finally:
        _slots.release()


def _status(booking: Booking) -> str | None:
    with db.engine.connect() as connection:
        return connection.scalar(_STATUS, {"booking": booking.id})
