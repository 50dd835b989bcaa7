"""What the address of a list says. Whatever makes no sense counts as not said."""

import datetime as dt
from collections.abc import Mapping
from zoneinfo import ZoneInfo

# characters; longer than any honest search
MAX_SEARCH_LENGTH = 100
# Further out, a day overflows once it is a moment in another zone.
FIRST_DAY, LAST_DAY = dt.date(1970, 1, 1), dt.date(2999, 12, 30)


def text(value: str, length: int = MAX_SEARCH_LENGTH) -> str:
    # PostgreSQL takes no NUL in a text.
    return value.replace("\0", "").strip()[:length]


def choice(allowed: Mapping[str, object], value: str) -> str:
    return value if value in allowed else ""


def day(value: str) -> dt.date | None:
    """`2031-05-01`."""
    try:
        said = dt.date.fromisoformat(value)
    except ValueError:
        return None
    return said if FIRST_DAY <= said <= LAST_DAY else None


def day_start(said: dt.date | None, zone: ZoneInfo) -> dt.datetime | None:
    """When a day begins there."""
    return dt.datetime.combine(said, dt.time(), zone) if said else None
