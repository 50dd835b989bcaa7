"""Roll-ups: figures written in the transaction that changes them, so that nobody has to count the rows again.

`bookings`, `tickets` and `cents` are of what is confirmed now, `ever_confirmed` counts what was since cancelled too. Money
is in hundredths of its currency, whole numbers, so that adding and taking away for years stays exact on both databases.
"""

import datetime as dt
import uuid

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from evently.database import Base


class EventTotal(Base):
    """One event over all its time. Sales are written under the event's lock, who came under the booking's."""

    __tablename__ = "event_totals"
    # Room in the page for the row's next version, as for the stock beside which it is written.
    __table_args__ = ({"postgresql_with": {"fillfactor": 50}},)

    event_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("events.id"), primary_key=True)
    bookings: Mapped[int] = mapped_column(default=0, server_default="0")
    tickets: Mapped[int] = mapped_column(default=0, server_default="0")
    ever_confirmed: Mapped[int] = mapped_column(default=0, server_default="0")
    # Tickets let in at the door and not sent out again.
    admitted: Mapped[int] = mapped_column(default=0, server_default="0")


class DayFigures:
    """What a day brought."""

    bookings: Mapped[int]
    tickets: Mapped[int]
    cents: Mapped[int] = mapped_column(BigInteger)
    ever_confirmed: Mapped[int]


class EventDay(DayFigures, Base):
    """Bookings of one event by the day in UTC on which they were made. Written under the event's lock."""

    __tablename__ = "event_days"

    event_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("events.id"), primary_key=True)
    day: Mapped[dt.date] = mapped_column(primary_key=True)
    # Of when it was booked: an event's price may change its currency.
    currency: Mapped[str] = mapped_column(String(3), primary_key=True)


class OrganizerDay(DayFigures, Base):
    """The same over all events of one organizer, those put away included. Written last of all, see rollups.py."""

    __tablename__ = "organizer_days"
    __table_args__ = (Index(None, "day"),)

    organizer_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    day: Mapped[dt.date] = mapped_column(primary_key=True)
    currency: Mapped[str] = mapped_column(String(3), primary_key=True)


class CheckInBucket(Base):
    """Tickets of one event let in within a quarter of an hour from `since`, and not sent out again."""

    __tablename__ = "arrivals"

    event_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("events.id"), primary_key=True)
    since: Mapped[dt.datetime] = mapped_column(primary_key=True)
    tickets: Mapped[int]
