"""Letting tickets in at the door: each seat once, whoever else stands at another door with a copy of it."""

import uuid
from collections.abc import Sequence

from sqlalchemy import insert

from evently.bookings.models import Admission
from evently.bookings.signals import tickets_admitted
from evently.database import utc_now
from evently.extensions import db


def write_admissions(*, event_id: uuid.UUID, seats: Sequence[tuple[int, int]], by_id: int, gate: str = "") -> list[Admission]:
    """Let these in, each the `seq` of a booking and a seat of it. The caller holds the locks of the bookings."""
    common = {"event_id": event_id, "gate": gate, "admitted_by_id": by_id, "admitted_at": utc_now()}
    values = [{"booking_seq": seq, "seat": seat, **common} for seq, seat in seats]
    rows = [Admission(**row) for row in values]
    if rows:
        db.session.execute(insert(Admission), values)
        tickets_admitted.send(event_id, rows=rows)
    return rows
