"""What every list of the API has in common: pages with links to their neighbours, and ranges of days."""

import datetime as dt
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import current_app, request

from evently.database import Page
from evently.errors import NotFound
from evently.http.query_params import day_start

# Nothing happens before or after; further out, a day overflows once it is a moment in another zone.
FIRST_DAY, LAST_DAY = dt.date(1900, 1, 1), dt.date(2999, 12, 30)


def present_page(page: Page[Any]) -> dict[str, Any]:
    """Raises NotFound past the end."""
    if page.number > page.pages:
        raise NotFound(f"There is no page {page.number}; the last one is {page.pages}.", code="no_such_page")
    return {
        "count": page.total,
        "next": _page_url(page.number + 1) if page.has_next else None,
        "previous": _page_url(page.number - 1) if page.has_previous else None,
        "results": page.items,
    }


def days(query: dict[str, Any]) -> dict[str, Any]:
    """The range of days of a query as moments, the last one exclusive."""
    first, last = query.get("date_from"), query.get("date_to")
    zone = ZoneInfo(current_app.config["DEFAULT_TIMEZONE"])
    until = _clamped(last) + dt.timedelta(days=1) if last else None
    return {"date_from": day_start(_clamped(first) if first else None, zone), "date_to": day_start(until and _clamped(until), zone)}


def _clamped(day: dt.date) -> dt.date:
    return min(max(day, FIRST_DAY), LAST_DAY)


def _page_url(page: int) -> str:
    arguments: dict[str, Any] = request.args.to_dict(flat=False) | {"page": [str(page)]}
    return f"{request.base_url}?{urlencode(arguments, doseq=True)}"
