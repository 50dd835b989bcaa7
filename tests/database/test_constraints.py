"""The database itself refuses what no service should ever write, and says which rule by its name."""

import re
import uuid
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DataError, IntegrityError

from evently.accounts.models import User
from evently.bookings.models import Booking, BulkAction, CheckIn
from evently.database import UTCDateTime, transaction, utc_now
from evently.events.models import Event, ImportJob, TicketStock, TicketType
from evently.extensions import db
from evently.notifications.models import Mail
from tests.factories import in_days, make_booking, make_event, make_organizer, make_user

# (table, what is wrong, the constraint that says so)
BROKEN: list[tuple[type, dict[str, Any], str]] = [
    (User, {"username": ""}, "ck_users_username_not_empty"),
    (User, {"phone_number": "1" * 16}, "ck_users_phone_number_length"),
    (Event, {"status": "maybe"}, "ck_events_status"),
    (Event, {"capacity": 0}, "ck_events_capacity_positive"),
    (Event, {"price_per_ticket": -1}, "ck_events_price_not_negative"),
    (Event, {"ends_at": in_days(1), "time": in_days(2)}, "ck_events_ends_after_start"),
    (Event, {"sales_start": in_days(2), "sales_end": in_days(1)}, "ck_events_sales_end_after_start"),
    (Event, {"max_tickets_per_booking": 0}, "ck_events_max_per_booking_positive"),
    (Event, {"max_tickets_per_user": 0}, "ck_events_max_per_user_positive"),
    (TicketType, {"price": -1}, "ck_ticket_types_price_not_negative"),
    (TicketStock, {"capacity": 0}, "ck_ticket_stock_capacity_positive"),
    (TicketStock, {"reserved": 11}, "ck_ticket_stock_never_oversold"),
    (TicketStock, {"reserved": -1}, "ck_ticket_stock_never_oversold"),
    (Booking, {"status": "maybe"}, "ck_bookings_status"),
    (Booking, {"ticket_count": 0}, "ck_bookings_ticket_count_positive"),
    (Booking, {"total_amount": -1}, "ck_bookings_total_amount_not_negative"),
    (CheckIn, {"seat": 0}, "ck_admissions_seat_positive"),
    (BulkAction, {"kind": "forget"}, "ck_bulk_actions_kind"),
    (ImportJob, {"state": "maybe"}, "ck_uploads_state"),
    (Mail, {"status": "maybe"}, "ck_mails_status"),
    (Mail, {"attempts": -1}, "ck_mails_attempts_not_negative"),
]


@pytest.mark.parametrize(("model", "values", "name"), BROKEN, ids=[name for _, _, name in BROKEN])
def test_the_database_refuses(app, model, values, name):
    booking = make_booking()
    with transaction() as session:
        session.add(Mail(delivery_key="one", kind="booking_confirmed", to_address="a@example.org"))
        session.add(CheckIn(booking_seq=booking.seq, event_id=booking.event_id, seat=1))
        session.add(BulkAction(event_id=booking.event_id, by_id=booking.user_id, kind="cancel", chosen={}, last_seq=1, total=1))
        session.add(ImportJob(by_id=booking.user_id, filename="a.csv", content=b"", capacity=1, price=0, timezone="UTC", total=0))
    # "too long": PostgreSQL looks at a column's length before it looks at CHECKs.
    with pytest.raises((IntegrityError, DataError), match=f"{name}|too long"), db.engine.begin() as connection:
        connection.execute(sa.update(model).values(values))
    assert booking.status == "confirmed"


def test_each_check_has_a_case_above(app):
    checks = {check.name for table in db.metadata.tables.values() for check in table.constraints if isinstance(check, sa.CheckConstraint)}
    assert checks == {name for _, _, name in BROKEN}


@pytest.mark.parametrize(
    "values",
    [{"username": "ADA", "email": "other@example.org"}, {"username": "other", "email": "Ada@Example.ORG"}],
    ids=["username", "email"],
)
def test_people_are_unique_without_regard_to_case(app, values):
    make_user(username="Ada", email="ada@example.org", email_confirmed_at=utc_now())
    with pytest.raises(IntegrityError, match=r"uq_users_|UNIQUE"):
        make_user(**values, email_confirmed_at=utc_now())


def test_an_unconfirmed_account_keeps_no_other_from_its_address(app):
    make_user(email="ada@example.org")
    make_user(email="Ada@example.org", email_confirmed_at=utc_now())
    make_user(email="ada@example.org")


def test_an_organizer_has_each_source_id_once(app):
    organizer = make_organizer()
    make_event(by=organizer, source_id="a-1")
    make_event(source_id="a-1")
    with pytest.raises(IntegrityError, match=r"uq_events_organizer_id_source_id|UNIQUE"):
        make_event(by=organizer, source_id="a-1")


def test_a_mail_is_written_once(app):
    def write() -> None:
        with transaction() as session:
            session.add(Mail(delivery_key="confirmed:1", kind="booking_confirmed", to_address="a@example.org"))

    write()
    with pytest.raises(IntegrityError, match=r"uq_mails_delivery_key|UNIQUE"):
        write()


def test_rows_that_others_refer_to_cannot_go(app):
    make_booking()
    for model in (User, Event, TicketType):
        with pytest.raises(IntegrityError, match=r"fk_|FOREIGN KEY"), db.engine.begin() as connection:
            connection.execute(sa.delete(model))


def test_a_booking_needs_its_event(app):
    booking = make_booking()
    values = {"user_id": booking.user_id, "ticket_type_id": booking.ticket_type_id, "event_id": uuid.uuid4(), "id": uuid.uuid4()}
    values |= {"ticket_count": 1, "total_amount": 0, "currency": "EUR", "status": "processing", "booking_date": utc_now()}
    with pytest.raises(IntegrityError, match=r"fk_bookings_event_id_events|FOREIGN KEY"), db.engine.begin() as connection:
        connection.execute(sa.insert(Booking), values)


def test_nobody_chooses_a_place_in_line(app):
    """`seq` is numbered by the database, and never twice: not even after the newest rows are gone."""
    first, second = make_booking(), make_booking()
    last_seq = second.seq
    with transaction() as session:
        session.execute(sa.delete(Mail))
        session.execute(sa.delete(Booking).where(Booking.seq == last_seq))
    assert make_booking().seq > last_seq > first.seq


def test_every_constraint_has_a_name_by_the_convention(app):
    for table in db.metadata.tables.values():
        for constraint in table.constraints:
            assert re.fullmatch(rf"(pk|uq|ck|fk)_{table.name}(_\w+)?", str(constraint.name)), constraint
        for index in table.indexes:
            assert re.fullmatch(rf"(ix|uq)_{table.name}_\w+", str(index.name)), index


def test_names_fit_into_postgresql(app):
    names = [item.name for table in db.metadata.tables.values() for item in (*table.constraints, *table.indexes)]
    assert max(len(str(name)) for name in names) <= 63


def test_every_moment_is_kept_in_utc(app):
    columns = [column for table in db.metadata.tables.values() for column in table.columns]
    assert not [column for column in columns if isinstance(column.type, sa.DateTime)]
    assert len([column for column in columns if isinstance(column.type, UTCDateTime)]) > 10
