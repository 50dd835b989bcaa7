"""How it sells: figures and charts over all events and of one, for the days that the address names."""

import uuid
from typing import Any

from flask import Response, request, url_for

from evently.accounts.policies import can_manage_every_event
from evently.dashboard import blueprint
from evently.dashboard.charts import Chart
from evently.dashboard.periods import PRESETS, Period
from evently.dashboard.sales_charts import Days, charts_of_event, charts_over_all, ranking, within
from evently.errors import NotFound
from evently.http.htmx import render
from evently.http.login import signed_in_user
from evently.reporting import time_series
from evently.reporting.queries import get_overview
from evently.reporting.time_series import total

# How many events a list of the first names.
FIRST = 10


@blueprint.get("/analytics")
def analytics() -> Response:
    user, period = signed_in_user(), Period.read(request.args)
    days = time_series.list_days(by=user, first=period.before, last=period.last)
    return _page(
        "dashboard/analytics.html",
        period,
        days,
        charts=charts_over_all(within(days, period), period),
        overview=get_overview(by=user, most_utilised=FIRST),
        attendance=time_series.get_attendance(by=user),
        sees_all=can_manage_every_event(user),
    )


@blueprint.get("/events/<uuid:event_id>/analytics")
def event_analytics(event_id: uuid.UUID) -> Response:
    period = Period.read(request.args)
    # From the beginning: what was sold before these days counts against the capacity.
    found = time_series.get_event_figures(by=signed_in_user(), event_id=event_id, last=period.last)
    charts = charts_of_event(found, period)
    return _page("dashboard/event_analytics.html", period, found.days, event=found.event, charts=charts, attendance=found.attendance)


@blueprint.get("/analytics/<name>.csv")
def analytics_csv(name: str) -> Response:
    """One chart by the day, or one of the lists of events."""
    user, period = signed_in_user(), Period.read(request.args)
    if name in {"popular", "fullest"}:
        return _file(name, ranking(name, get_overview(by=user)))
    days = time_series.list_days(by=user, first=period.first, last=period.last)
    return _file(name, _named(name, charts_over_all(days, period, is_daily=True)))


@blueprint.get("/events/<uuid:event_id>/analytics/<name>.csv")
def event_analytics_csv(event_id: uuid.UUID, name: str) -> Response:
    period = Period.read(request.args)
    found = time_series.get_event_figures(by=signed_in_user(), event_id=event_id, last=period.last)
    return _file(name, _named(name, charts_of_event(found, period, is_daily=True)))


def _page(template: str, period: Period, days: Days, **context: Any) -> Response:
    sold = total(within(days, period).values())
    earlier = total(one for day, one in days.items() if period.first and period.before and period.before <= day < period.first)
    said = {**(request.view_args or {}), **period.arguments()}
    context |= {"period": period, "said": said, "presets": PRESETS, "sold": sold, "before": earlier if earlier.ever_confirmed else None}
    response = render(template, "dashboard/_analytics_figures.html", **context)
    response.headers["HX-Push-Url"] = url_for(str(request.endpoint), **said)
    return response


def _named(name: str, charts: list[Chart]) -> Chart:
    if found := next((chart for chart in charts if chart.name == name), None):
        return found
    raise NotFound("There is no such chart.")


def _file(name: str, chart: Chart) -> Response:
    response = Response(chart.file(), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response
