import pytest
from flask import Flask

from evently.events.sales import SalesState, sales_state
from evently.extensions import db
from tests.factories import in_days, make_booking, make_event


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, SalesState.OPEN),
        ({"status": "draft"}, SalesState.DRAFT),
        ({"status": "cancelled"}, SalesState.CANCELLED),
        ({"status": "cancelled", "time": in_days(-1)}, SalesState.CANCELLED),
        ({"time": in_days(-1)}, SalesState.PAST),
        ({"sales_start": in_days(1)}, SalesState.SOON),
        ({"sales_end": in_days(-1)}, SalesState.ENDED),
    ],
)
def test_the_state_of_the_sale_follows_the_event(app: Flask, fields: dict, state: SalesState):
    assert sales_state(make_event(**fields)) == state


def test_the_state_of_the_sale_follows_the_seats(app: Flask):
    event = make_event(capacity=20)
    for tickets, state in ((10, SalesState.OPEN), (8, SalesState.FEW_LEFT), (2, SalesState.SOLD_OUT)):
        make_booking(event=event, tickets=tickets)
        db.session.refresh(event)
        assert sales_state(event) == state
