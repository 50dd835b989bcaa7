"""What the charts of sales and arrivals show."""

import bisect
import datetime as dt
import itertools
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from evently.dashboard.charts import Chart, Point
from evently.dashboard.periods import Period, Step
from evently.events.models import Event
from evently.http.formatting import clock, counted, money
from evently.reporting.queries import Overview
from evently.reporting.time_buckets import BUCKET
from evently.reporting.time_series import EventFigures, SalesTotals, total

Days = Mapping[dt.date, SalesTotals]
# Of arrivals at most so many quarters of an hour are shown: an evening, not the weeks since somebody tried the scanner.
EVENING = 96


def within(days: Days, period: Period) -> Days:
    return {day: sold for day, sold in days.items() if not period.first or day >= period.first}


def charts_over_all(days: Days, period: Period, *, is_daily: bool = False) -> list[Chart]:
    """Bookings, and money in each currency there is."""
    steps = period.steps(min(days, default=None), is_daily=is_daily)
    by_step = _by_step(days, steps)
    every = _every(steps)
    bookings = [sold.bookings for sold in by_step]
    says = _best(bookings, steps, every)
    charts = [Chart("bookings", f"Bookings per {every}", says, ("Date", "Bookings"), _points(steps, bookings))]
    for currency, _ in total(by_step).worth:
        write = _writes(currency)
        amounts = [sold.revenue.get(currency, Decimal(0)) for sold in by_step]
        says = f"{write(sum(amounts, Decimal(0)))} for tickets that are confirmed now."
        heads = ("Date", f"Revenue ({currency})")
        name = f"revenue-{currency.lower()}"
        charts.append(Chart(name, f"Revenue per {every}, {currency}", says, heads, _points(steps, amounts), write=write))
    return charts


def charts_of_event(figures: EventFigures, period: Period, *, is_daily: bool = False) -> list[Chart]:
    """As over all, and how it fills and who came."""
    event, days = figures.event, figures.days
    shown = within(days, period)
    bookings, *revenue = charts_over_all(shown, period, is_daily=is_daily)
    steps = period.steps(min(shown, default=None), is_daily=is_daily)
    before = total(days.values()).tickets - total(shown.values()).tickets
    taken = list(itertools.accumulate((sold.tickets for sold in _by_step(shown, steps)), initial=before))[1:]
    says = f"{counted(taken[-1], 'ticket')} of {event.capacity:,}. The dotted line is the capacity."
    heads = ("Date", "Tickets so far")
    growth = Chart("capacity", "Tickets so far, against capacity", says, heads, _points(steps, taken), limit=event.capacity, is_line=True)
    return [bookings, growth, *revenue, *_arrivals(event, figures.arrivals)]


def ranking(name: str, overview: Overview) -> Chart:
    """A list of events as a file: the most popular ones, or the fullest."""
    if name == "popular":
        points = [Point(event.name, "", "", event.bookings) for event in overview.most_popular_events]
        return Chart(name, "Most popular", "", ("Event", "Bookings"), points)
    full = [Point(event.name, "", "", Decimal(str(event.utilization_percentage))) for event in overview.capacity_utilization]
    return Chart(name, "Fullest", "", ("Event", "Percent taken"), full)


def _arrivals(event: Event, by_quarter: dict[dt.datetime, int]) -> list[Chart]:
    """From the first quarter of an hour in which somebody came to the last; nothing before that."""
    if not by_quarter:
        return []
    last, points = max(by_quarter), []
    since = max(min(by_quarter), last - EVENING * BUCKET)
    while since <= last:
        time = clock(since, event.timezone)
        words = f"{time} – {clock(since + BUCKET, event.timezone)}"
        points.append(Point(since.isoformat(timespec="minutes"), time, words, by_quarter.get(since, 0)))
        since += BUCKET
    most = max(points, key=lambda point: point.value)
    says = f"{counted(sum(by_quarter.values()), 'ticket')} came in. Most of them {most.words}: {most.value:,}."
    return [Chart("arrivals", "Arrivals per quarter of an hour", says, ("Time", "Tickets"), points)]


def _by_step(days: Days, steps: Sequence[Step]) -> list[SalesTotals]:
    sums, beginnings = [SalesTotals() for _ in steps], [step.first for step in steps]
    for day, sold in days.items():
        place = bisect.bisect_right(beginnings, day) - 1
        if place >= 0:
            sums[place].add(sold)
    return sums


def _points(steps: Sequence[Step], values: Sequence[Any]) -> list[Point]:
    return [Point(step.first.isoformat(), step.label, step.words, value) for step, value in zip(steps, values, strict=True)]


def _best(values: list[int], steps: Sequence[Step], every: str) -> str:
    highest = max(values, default=0)
    if not highest:
        return "None in this time."
    return f"{counted(sum(values), 'booking')}. The best {every}, {steps[values.index(highest)].words}, brought {highest:,}."


def _every(steps: Sequence[Step]) -> str:
    return "month" if steps[0].is_month else "day" if all(step.first == step.last for step in steps) else "week"


def _writes(currency: str) -> Callable[[Any], str]:
    return lambda amount: money(Decimal(amount), currency)
