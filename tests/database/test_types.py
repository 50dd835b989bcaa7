"""Moments and amounts come back as they went in, on both databases."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evently.database import Money, UTCDateTime
from evently.extensions import db

things = sa.Table("things", sa.MetaData(), sa.Column("moment", UTCDateTime), sa.Column("amount", Money), sa.Column("place", sa.Integer))
# A fixture is set up once for all examples of a test here, which is what we want: the table is emptied in each.
examples = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def connection(app) -> Iterator[sa.Connection]:
    with db.engine.connect().execution_options(is_writer=True) as connection:
        things.create(connection)
        connection.commit()
        yield connection
        connection.rollback()
        things.drop(connection)
        connection.commit()


def kept(connection: sa.Connection, column: sa.Column, values: list) -> list:
    connection.execute(things.delete())
    if values:
        connection.execute(things.insert(), [{column.name: value, "place": place} for place, value in enumerate(values)])
    return list(connection.scalars(sa.select(column).order_by(things.c.place)))


zones = st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Pacific/Auckland"]).map(ZoneInfo)
years = dt.datetime(1970, 1, 2), dt.datetime(2999, 12, 30)  # noqa: DTZ001 - hypothesis takes naive bounds
moments = st.datetimes(*years, timezones=zones)
amounts = st.decimals(min_value=0, max_value=Decimal("99999999.99"), places=2)


def in_utc(values: list[dt.datetime]) -> list[dt.datetime]:
    # Python itself calls a time that a clock shows twice, or never, unequal to any in another zone.
    return [value.astimezone(dt.UTC) for value in values]


@examples
@given(values=st.lists(moments, max_size=40))
def test_moments_are_kept(connection, values):
    found = kept(connection, things.c.moment, values)
    assert found == in_utc(values)
    assert all(moment.tzinfo is dt.UTC for moment in found)


@examples
@given(values=st.lists(moments, min_size=2, max_size=40))
def test_moments_are_ordered_by_the_clock_and_not_by_the_wall(connection, values):
    kept(connection, things.c.moment, values)
    assert list(connection.scalars(sa.select(things.c.moment).order_by(things.c.moment))) == sorted(in_utc(values))
    later = connection.scalar(sa.select(sa.func.count()).where(things.c.moment > values[0]))
    assert later == sum(value > in_utc(values)[0] for value in in_utc(values))


def test_a_moment_without_a_zone_is_refused(connection):
    with pytest.raises(sa.exc.StatementError, match="needs a time zone"):
        kept(connection, things.c.moment, [dt.datetime(2027, 1, 1)])  # noqa: DTZ001 - the point


@examples
@given(values=st.lists(amounts, max_size=40))
def test_amounts_are_kept_to_the_cent(connection, values):
    found = kept(connection, things.c.amount, values)
    assert found == values
    assert all(isinstance(amount, Decimal) and amount.as_tuple().exponent == -2 for amount in found)


@examples
@given(values=st.lists(amounts, min_size=1, max_size=40))
def test_amounts_are_compared_as_numbers(connection, values):
    kept(connection, things.c.amount, values)
    dearest = connection.scalar(sa.select(things.c.amount).order_by(things.c.amount.desc()).limit(1))
    assert dearest == max(values)
    assert connection.scalar(sa.select(sa.func.count()).where(things.c.amount == values[0])) == values.count(values[0])


def test_nothing_stays_nothing(connection):
    assert kept(connection, things.c.moment, [None]) == [None]
    assert kept(connection, things.c.amount, [None]) == [None]
