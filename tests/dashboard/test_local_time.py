import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from evently.dashboard.local_time import NoSuchTime, to_utc, wall_clock

BERLIN = ZoneInfo("Europe/Berlin")


def local(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("shown", "moment"),
    [
        ("2027-01-15 20:30", "2027-01-15T19:30+00:00"),
        ("2027-07-15 20:30", "2027-07-15T18:30+00:00"),
        ("2027-03-28 01:59", "2027-03-28T00:59+00:00"),
        ("2027-03-28 03:00", "2027-03-28T01:00+00:00"),
        # Happens twice; the first one is meant.
        ("2027-10-31 02:30", "2027-10-31T00:30+00:00"),
        ("2027-10-31 03:00", "2027-10-31T02:00+00:00"),
    ],
)
def test_a_wall_clock_means_one_moment(shown: str, moment: str):
    assert to_utc(local(shown), BERLIN) == dt.datetime.fromisoformat(moment)
    assert wall_clock(to_utc(local(shown), BERLIN), BERLIN) == local(shown)


def test_an_hour_that_is_skipped_does_not_exist():
    with pytest.raises(NoSuchTime, match="02:30 does not exist; 03:30 does"):
        to_utc(local("2027-03-28 02:30"), BERLIN)


@pytest.mark.parametrize("shown", ["0001-01-01 00:00", "1999-12-31 23:59", "3000-01-01 00:00", "9999-12-31 23:59"])
def test_a_year_beyond_all_calendars_is_refused(shown: str):
    with pytest.raises(NoSuchTime, match="2000 to 2999"):
        to_utc(local(shown), ZoneInfo("Pacific/Kiritimati"))
