import pytest
from flask import Flask

from evently.events.sale_status import SaleStatus, sale_status
from evently.extensions import db
from tests.factories import in_days, make_booking, make_event


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, SaleStatus.OPEN),
        ({"status": "draft"}, SaleStatus.DRAFT),
        ({"status": "cancelled"}, SaleStatus.CANCELLED),
        ({"status": "cancelled", "time": in_days(-1)}, SaleStatus.CANCELLED),
        ({"time": in_days(-1)}, SaleStatus.PAST),
        ({"sales_start": in_days(1)}, SaleStatus.SOON),
        ({"sales_end": in_days(-1)}, SaleStatus.ENDED),
    ],
)
def test_the_state_of_the_sale_follows_the_event(app: Flask, fields: dict, state: SaleStatus):
    assert sale_status(make_event(**fields)) == state


def test_the_state_of_the_sale_follows_the_seats(app: Flask):
    event = make_event(capacity=20)
    for tickets, state in ((10, SaleStatus.OPEN), (8, SaleStatus.FEW_LEFT), (2, SaleStatus.SOLD_OUT)):
        make_booking(event=event, tickets=tickets)
        db.session.refresh(event)
        assert sale_status(event) == state
