"""`make bench-api`: what the API's reads cost, kept and worked out, beside a bare view on the same server, in one turn.

Prints everything and writes docs/benchmarks/api.md. Ratios are what counts; absolute numbers are this machine's.
"""

import contextlib
import dataclasses
import datetime as dt
import itertools
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from urllib.parse import urlencode

import psutil
from flask import Flask
from sqlalchemy import select, update

from config import ROOT, load_settings
from evently import create_app
from evently.accounts.models import User
from evently.database import transaction, utc_now
from evently.demo.load import seed_load
from evently.events.models import PUBLISHED, Event
from evently.extensions import db
from tests.load import client, within
from tests.load.report import Report
from tests.load.stage import Stage, describe_machine, make_buyers, stage

FEW, MANY, BOOKINGS = 1_000, 1_000_000, 20_000
LIST = "/api/user/events/"
# requests of one turn, worked out and kept
WORKED_OUT, KEPT = 5, 100
# Rounds of a comparison over many connections, and requests in each.
ROUNDS, SIZE, CONNECTIONS = 5, 3_000, 16
# First pages whose cost must not grow with the site, the count of all that is found apart.
FIRST_PAGES: dict[str, dict[str, object]] = {
    "all that is to come": {},
    "the newest": {"ordering": "-created_at"},
    "two months from the next": {"date_from": 60, "date_to": 120},
    "at most 8": {"max_price": 8},
    "95 or more": {"min_price": 95},
    "houses of a kind in one town": {"venue": "hall bremen"},
    "a word of every twelfth": {"search": "lanterns"},
    "the beginning of a word": {"search": "orch"},
    "two words": {"search": "doors maps"},
    "a word of one": {"search": "0000777"},
    "with seats left": {"available_only": "true"},
}


# Turns in which the pages of the small and the full site are asked for, and pages in each; one more comes before, for the count.
TURNS, PAGES = 4, 5


@dataclasses.dataclass(frozen=True)
class Sites:
    """The full site twice, a small one, and the bare view."""

    few: tuple[str, int]
    kept: tuple[str, int]
    worked_out: tuple[str, int]
    bare: tuple[str, int]


def main() -> None:
    report = Report("The API's reads", "api.md", describe_machine())
    with contextlib.ExitStack() as stack:
        small = _open(stack)
        played = _open(stack)
        started = time.monotonic()
        seed_load(events=MANY - FEW, bookings=BOOKINGS)
        report.section(f"A full site: {MANY:,} events, {BOOKINGS + FEW:,} bookings")
        report.line("`flask seed-load`", f"{time.monotonic() - started:.0f} s")
        sites = _start(small, played)
        _report_first_pages(report, sites)
        _report_kept(report, played, sites)
        _report_bare(report, sites)
        _report_cpu(report, played, sites)
    report.write(ROOT / "docs" / "benchmarks")


def _open(stack: contextlib.ExitStack) -> Stage:
    """A small site, which is the current one from here on."""
    played = stack.enter_context(stage(RATELIMIT_DEFAULT="10000000 per minute"))
    seed_load(events=FEW, bookings=FEW)
    db.session.remove()
    return played


def _start(small: Stage, played: Stage) -> Sites:
    kept, bare = played.start_web(), played.start_web("--factory", "tests.load.bare_list:create_bare")
    played.environ["CACHE_ENABLED"] = "false"
    return Sites(few=small.start_web(), kept=kept, worked_out=played.start_web(), bare=bare)


def _report_first_pages(report: Report, sites: Sites) -> None:
    report.section(f"First pages, worked out, the count apart: {FEW:,} and {MANY:,} events, asked in turns")
    for name, query in FIRST_PAGES.items():
        few, many = _first_pages(query, sites.few, sites.kept)
        measured = f"{few:.1f} ms, {many:.1f} ms: {many / few:.2f} ×"
        report.line(name.capitalize(), measured, floor="≤ 1.5 ×", holds=many <= 1.5 * few)


def _first_pages(query: dict[str, object], *addresses: tuple[str, int]) -> list[float]:
    """Milliseconds of a page whose count is known and which nobody has asked for before, at the median, for each site.

    In turns, so that whatever else the machine does meets both.
    """
    sizes = itertools.count(5)
    latencies: list[list[float]] = [[] for _ in addresses]
    for _ in range(TURNS):
        requests = [_page_of(query, next(sizes)) for _ in range(1 + PAGES)]
        for address, measured in zip(addresses, latencies, strict=True):
            # A count with seats is known for a second only.
            _ask(address, requests[:1])
            measured.extend(_ask(address, requests[1:]).latencies)
    return [statistics.median(measured) for measured in latencies]


def _page_of(query: dict[str, object], size: int) -> bytes:
    """The same search with so many events on a page: its count is one, and each page has to be found."""
    today = utc_now().date()
    dates = {name: (today + dt.timedelta(days=int(str(days)))).isoformat() for name, days in query.items() if name.startswith("date")}
    return _get(f"{LIST}?{urlencode(query | dates | {'page_size': size})}")


def _report_kept(report: Report, played: Stage, sites: Sites) -> None:
    (member, token), (staff, staff_token) = make_buyers(2)
    del member
    with transaction() as session:
        session.execute(update(User).where(User.id == staff).values(is_staff=True))
    event_id = db.session.scalar(select(Event.id).where(Event.status == PUBLISHED, Event.time > utc_now()).order_by(Event.time).limit(1))
    db.session.remove()
    reads = {
        "List": (f"{LIST}?page_size=20", ""),
        "Search": (f"{LIST}?page_size=20&search=golden+rivers", ""),
        "One event, its seats counted": (f"{LIST}{event_id}/", ""),
        "Profile": ("/api/user/auth/me/", token),
        "List of those who manage": ("/api/admin/events/list/", staff_token),
        "Figures": ("/api/admin/analytics/", staff_token),
        "Figures of one event": (f"/api/admin/analytics/{event_id}/", staff_token),
    }
    anew = create_app(load_settings(played.environ))
    report.section("Worked out against kept, at the median, one request after the other, in turns")
    for name, (path, holder) in reads.items():
        request = _get(path, holder)
        worked_out, kept = _in_turns(partial(_ask_within, path, holder), anew, played.app)
        far, near = _in_turns(partial(_ask_again, request), sites.worked_out, sites.kept)
        measured = f"{worked_out:.2f} ms, {kept:.2f} ms: {worked_out / kept:.1f} ×; with server, client and way {far:.2f} ms, {near:.2f} ms"
        report.line(name, measured, floor="≥ 4 ×", holds=worked_out >= 4 * kept)


def _report_bare(report: Report, sites: Sites) -> None:
    event_id = db.session.scalar(select(Event.id).where(Event.status == PUBLISHED, Event.time > utc_now()).limit(1))
    db.session.remove()
    report.section(f"Beside a bare Flask view that writes the same 20 rows as JSON, {CONNECTIONS} connections")
    pairs = {
        "The list, kept": (sites.kept, f"{LIST}?page_size=20", 0.5),
        "Availability, counted each time": (sites.worked_out, f"/api/events/{event_id}/availability/", 0.3),
    }
    for name, (site, path, floor) in pairs.items():
        ours, bare = [], []
        for _ in range(ROUNDS):
            bare.append(_per_second(sites.bare, "/rows/"))
            ours.append(_per_second(site, path))
        ratio = statistics.median(a / b for a, b in zip(ours, bare, strict=True))
        per_second = f"{statistics.median(ours):,.0f} per second, bare {statistics.median(bare):,.0f}"
        report.line(name, f"{per_second}: {ratio:.2f} ×", floor=f"≥ {floor} ×", holds=ratio >= floor)


def _report_cpu(report: Report, played: Stage, sites: Sites) -> None:
    """Of the web server's processes, for pages that nobody has asked for before, of a list whose count is known."""
    web = played.services[0].child
    assert web
    processes = [psutil.Process(web.pid), *psutil.Process(web.pid).children(recursive=True)]
    requests = [_get(f"{LIST}?{urlencode({'page_size': 20, 'page': page})}") for page in range(1, 301)]
    _ask(sites.kept, requests[:5])
    before = _cpu_seconds(processes)
    result = _ask(sites.kept, requests[5:])
    milliseconds = 1000 * (_cpu_seconds(processes) - before) / len(result.latencies)
    report.section("What a list costs the web server that nobody has asked for before")
    report.line("20 events, found, read and written", f"{milliseconds:.1f} ms of CPU", floor="≤ 5 ms", holds=milliseconds <= 5)


def _cpu_seconds(processes: list[psutil.Process]) -> float:
    return sum(times.user + times.system for times in (process.cpu_times() for process in processes))


def _in_turns(ask: Callable[[Any, int], list[float]], worked_out: object, kept: object) -> tuple[float, float]:
    """Milliseconds of a request to both, at the median; in turns, as first pages are asked for."""
    slow, quick = [], []
    for _ in range(TURNS):
        for site, number, measured in ((worked_out, WORKED_OUT, slow), (kept, KEPT, quick)):
            # Not the first: an answer is worked out to be kept.
            ask(site, 3)
            measured.extend(ask(site, number))
    return statistics.median(slow), statistics.median(quick)


def _ask(address: tuple[str, int], requests: Iterable[bytes]) -> client.Result:
    """One after the other."""
    result = client.run(address, iter(requests), connections=1)
    if set(result.statuses) != {200}:
        sys.exit(f"unexpected answers: {result.statuses}")
    return result


def _ask_within(path: str, holder: str, app: Flask, times: int) -> list[float]:
    return within.ask(app, path, holder, times=times)


def _ask_again(request: bytes, address: tuple[str, int], times: int) -> list[float]:
    return _ask(address, [request] * times).latencies


def _per_second(address: tuple[str, int], path: str) -> float:
    result = client.run(address, itertools.repeat(_get(path), SIZE), connections=CONNECTIONS)
    assert set(result.statuses) == {200}, result.statuses
    return result.per_second


def _get(path: str, token: str = "") -> bytes:
    authorization = f"Authorization: Token {token}\r\n" if token else ""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{authorization}\r\n".encode()


if __name__ == "__main__":
    main()
