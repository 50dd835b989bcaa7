"""A crowd that has booked an event, made by the database itself in a moment."""

import sqlalchemy as sa

from evently.database import transaction
from evently.events.models import Event, TicketStock
from evently.extensions import db

FIRST_NAMES = ("Ada", "Bo", "Élodie", "Grace", "Þórunn", "Kwabena", "Ilse", "Tomasz", "Mira", "Jonas")
LAST_NAMES = ("Lovelace", "Ix", "Marchandeau", "Hopper", "Hafsteinsbrekka", "Osterholt", "Brandhuber")

PEOPLE = """
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :number)
INSERT INTO users (username, email, password_hash, first_name, last_name, created_at, updated_at)
SELECT :prefix || n, :prefix || n || '@example.org', '-', {first_name}, {last_name}, :now, :now FROM numbers
"""
# Of a hundred: 88 confirmed (8 of whom have come in), 3 in line, 2 that failed, 7 cancelled.
BOOKINGS = """
INSERT INTO bookings (id, event_id, ticket_type_id, user_id, ticket_count, total_amount, currency, status, failure_code,
                      booking_date, decided_at, cancelled_at)
SELECT {uuid}, :event, :ticket_type, id, 1 + id % 4, 12.5 * (1 + id % 4), 'EUR',
    CASE WHEN id % 100 < 3 THEN 'processing' WHEN id % 100 < 5 THEN 'failed' WHEN id % 100 < 12 THEN 'cancelled' ELSE 'confirmed' END,
    CASE WHEN id % 100 BETWEEN 3 AND 4 THEN 'sold_out' END,
    :now, CASE WHEN id % 100 < 3 THEN NULL ELSE {now} END, CASE WHEN id % 100 BETWEEN 5 AND 11 THEN {now} END
FROM users WHERE username LIKE :prefix || '%' ORDER BY id
"""
ADMISSIONS = """
INSERT INTO admissions (booking_seq, seat, admitted_at, event_id)
SELECT seq, 1, :now, event_id FROM bookings WHERE event_id = :event AND status = 'confirmed' AND user_id % 100 BETWEEN 12 AND 19
"""


def make_crowd(event: Event, number: int, *, prefix: str = "crowd") -> None:
    """So many people with a booking each; the counter of seats follows, and the capacity where it must."""
    is_sqlite = db.engine.dialect.name == "sqlite"
    uuid, now = ("lower(hex(randomblob(16)))", ":now") if is_sqlite else ("gen_random_uuid()", "cast(:now AS timestamptz)")
    names = {"first_name": _one_of(FIRST_NAMES), "last_name": _one_of(LAST_NAMES)}
    event_id = event.id.hex if is_sqlite else event.id
    ticket_type = event.stock[0].ticket_type_id
    known = {
        "number": number,
        "prefix": prefix,
        "now": "2026-10-02 08:15:30.000000",
        "event": event_id,
        "ticket_type": ticket_type.hex if is_sqlite else ticket_type,
    }
    with transaction() as session:
        for statement in (PEOPLE.format(**names), BOOKINGS.format(uuid=uuid, now=now), ADMISSIONS):
            session.execute(sa.text(statement), known)
        sold = session.scalar(sa.text("SELECT sum(ticket_count) FROM bookings WHERE event_id = :event AND status = 'confirmed'"), known)
        stock = session.get_one(TicketStock, ticket_type)
        stock.capacity = event.capacity = max(stock.capacity, sold + 100)
        stock.reserved = sold


def _one_of(names: tuple[str, ...]) -> str:
    return "CASE n % {} {} END".format(len(names), " ".join(f"WHEN {place} THEN '{name}'" for place, name in enumerate(names)))
