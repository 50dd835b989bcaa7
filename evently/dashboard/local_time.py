"""From what a clock on a wall shows to a moment, and back."""

import datetime as dt
from zoneinfo import ZoneInfo

# Further away a moment does not fit into another zone's calendar, and nobody sells tickets.
YEARS = range(2000, 3000)


class NoSuchTime(ValueError):
    """The clocks never show this; the message says why."""


def to_utc(local: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """The moment when clocks in `zone` show the naive `local`.

    When clocks go back, an hour happens twice: the first one is meant. Raises NoSuchTime for an hour that is
    skipped when clocks go forward.
    """
    if local.year not in YEARS:
        raise NoSuchTime(f"Choose a year from {YEARS.start} to {YEARS.stop - 1}.")
    moment = local.replace(tzinfo=zone, fold=0).astimezone(dt.UTC)
    shown = wall_clock(moment, zone)
    if shown != local:
        raise NoSuchTime(f"Clocks go forward that night, so {local:%H:%M} does not exist; {shown:%H:%M} does.")
    return moment


def wall_clock(moment: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """What clocks in `zone` show at that moment, as a naive datetime."""
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)
