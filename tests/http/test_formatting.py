import datetime as dt
from decimal import Decimal
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from evently.http import formatting
from evently.http.formatting import counted, day, in_words, moment, moment_long, money, price, when, when_long, zone

NOW = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
CONCERT = dt.datetime(2026, 11, 28, 19, 30, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def today(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(formatting, "utc_now", lambda: NOW)


def happening(hours: float | None, *, time: dt.datetime = CONCERT, timezone: str = "Europe/Berlin") -> SimpleNamespace:
    ends_at = None if hours is None else time + dt.timedelta(hours=hours)
    local_time = time.astimezone(ZoneInfo(timezone))
    return SimpleNamespace(time=time, ends_at=ends_at, timezone=timezone, zone=ZoneInfo(timezone), local_time=local_time)


def test_money_wears_the_sign_of_its_currency():
    assert money(Decimal("1150.00"), "EUR") == "€1,150.00"
    assert money(Decimal("9.50"), "USD") == "$9.50"
    assert money(Decimal("90.00"), "SEK") == "SEK\u00a090.00"
    assert money(Decimal("1200.00"), "JPY") == "¥1,200"


def test_what_costs_nothing_is_free():
    assert price(Decimal("0.00"), "EUR") == "Free"
    assert price(Decimal("0.01"), "EUR") == "€0.01"


def test_plurals_and_numbers():
    assert counted(1, "ticket") == "1 ticket"
    assert counted(0, "ticket") == "0 tickets"
    assert counted(1204, "ticket") == "1,204 tickets"
    assert counted(2, "person", "people") == "2 people"
    assert in_words(2) == "Two"
    assert in_words(1300) == "1,300"


def test_moments_are_told_in_the_zone_of_the_event():
    assert moment(CONCERT, "Europe/Berlin") == "Sat 28 Nov, 20:30 CET"
    assert moment_long(CONCERT, "America/New_York") == "Saturday 28 November 2026, 14:30 EST"


def test_the_year_is_told_when_it_is_not_this_one():
    assert day(dt.datetime(2027, 1, 9, tzinfo=dt.UTC), "UTC") == "Sat 9 Jan 2027"
    # Already next year in Auckland.
    assert day(dt.datetime(2026, 12, 31, 12, tzinfo=dt.UTC), "Pacific/Auckland") == "Fri 1 Jan 2027"


@pytest.mark.parametrize(
    ("timezone", "letters"),
    [("Europe/Berlin", "CET"), ("America/Sao_Paulo", "UTC\u22123"), ("Asia/Kathmandu", "UTC+5:45"), ("UTC", "UTC")],
)
def test_zones_without_letters_are_told_by_their_distance(timezone: str, letters: str):
    assert zone(CONCERT, timezone) == letters


def test_an_evening_past_midnight_is_one_evening():
    assert when(happening(5)) == "Sat 28 Nov, 20:30 CET"
    assert when_long(happening(5)) == "Saturday 28 November 2026, 20:30–01:30 CET"
    assert when_long(happening(None)) == "Saturday 28 November 2026, 20:30 CET"


def test_several_days_are_told_from_first_to_last():
    assert when(happening(24)) == "Sat 28 – Sun 29 Nov, 20:30 CET"
    assert when(happening(24 * 4)) == "Sat 28 Nov – Wed 2 Dec, 20:30 CET"
    assert when(happening(24 * 40)) == "Sat 28 Nov – Thu 7 Jan 2027, 20:30 CET"
    assert when_long(happening(24)) == "Saturday 28 November 2026, 20:30 – Sunday 29 November 2026, 20:30 CET"
