"""`make soak`: the production shape under a mixed load for a set time: what it answers, how quickly, and what it remembers.

Of a hundred requests eighty look at pages, fifteen book and five cancel, let people in or look at dashboards. Prints everything and
writes docs/benchmarks/soak.md: latency by minute, errors, memory of each process, the books.
"""

import argparse
import hashlib
import http.client
import itertools
import json
import random
import re
import secrets
import threading
import time
import uuid
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlencode

import psutil
from flask import Flask
from sqlalchemy import func, select

from config import ROOT
from evently.accounts import sessions
from evently.bookings import consistency
from evently.bookings.models import PROCESSING, Booking, CheckIn
from evently.events.models import Event
from evently.events.services import add_events
from evently.extensions import db
from tests.load.bench_pages import WORDS, make_entry
from tests.load.report import Report
from tests.load.stage import Stage, describe_machine, make_buyers, make_organizer, stage

EVENTS, SEATS, BUYERS = 300, 150, 2000
# requests per second, and the threads that send them
RATE, THREADS = 60, 12
BROWSE, BOOK, REST = KINDS = ("browse", "book", "rest")
SHARES = (80, 15, 5)
# MB that one process may grow in the second half; caches are full by then
GROWTH = 4.0
# seconds between two readings of the figures, as Prometheus takes them
SCRAPE = 15
TOKEN = "only for the soak"


@dataclass(frozen=True)
class Request:
    kind: str
    method: str
    path: str
    expected: frozenset[int]
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    # For a booking: the event, and whose token it was
    event: str = ""
    buyer: str = ""


@dataclass
class Minute:
    """What was answered within it; milliseconds by kind, and the memory of each process at its end, in MB."""

    latencies: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: Counter[str] = field(default_factory=Counter)
    memory: dict[str, float] = field(default_factory=dict)


class Crowd:
    """Everybody who uses the site, and what they do next."""

    def __init__(self, app: Flask, events: list[Event], organizer_id: int) -> None:
        self._events = [str(event.id) for event in events]
        self._tokens = itertools.cycle([token for _, token in make_buyers(BUYERS)])
        self._cookie = _sign_in(organizer_id)
        self._form_token = ""
        # (event, booking, whose token it was)
        self._booked: deque[tuple[str, str, str]] = deque()
        # The same requests in the same order whenever it is run.
        self._random = random.Random(17)
        self._lock = threading.Lock()
        rules = {rule.endpoint: rule.rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
        names = ("show_event", "list_attendees", "check_in", "event_analytics", "home", "analytics", "list_events")
        self._dashboards = [rules[f"dashboard.{name}"] for name in names if f"dashboard.{name}" in rules]

    def open_dashboard(self, address: tuple[str, int]) -> None:
        """As a browser does before it sends a form: its page holds what the form must say."""
        connection = http.client.HTTPConnection(*address, timeout=30)
        connection.request("GET", "/dashboard/", headers={"Cookie": self._cookie})
        found = re.search(r'name="csrf_token" value="([^"]+)"', connection.getresponse().read().decode())
        assert found, "nobody is signed in"
        self._form_token = found[1]

    def next(self) -> Request:
        with self._lock:
            [kind] = self._random.choices(KINDS, SHARES)
            return {BROWSE: self._browse, BOOK: self._book, REST: self._manage}[kind]()

    def note(self, request: Request, answer: bytes) -> None:
        if request.kind == BOOK:
            self._booked.append((request.event, json.loads(answer)["id"], request.buyer))

    def _browse(self) -> Request:
        event, word, page = self._random.choice(self._events), self._random.choice(WORDS).lower(), self._random.randint(1, 20)
        paths = ("/", f"/?page={page}", f"/?q={word}", f"/events/{event}", f"/events/{event}", f"/api/user/events/?page={page}")
        more = (f"/api/user/events/{event}/", f"/events/{event}/poster.svg", "/?view=calendar", f"/?category=music&page={page % 3 + 1}")
        return Request(BROWSE, "GET", self._random.choice(paths + more), frozenset({200}))

    def _book(self) -> Request:
        token = next(self._tokens)
        # Some events are liked more, so that some sell out.
        event = self._events[min(int(self._random.expovariate(0.02)), EVENTS - 1)]
        body = json.dumps({"event_id": event, "number_of_tickets": self._random.randint(1, 4)}).encode()
        headers = {"Authorization": f"Token {token}", "Content-Type": "application/json", "Idempotency-Key": uuid.uuid4().hex}
        return Request(BOOK, "POST", "/api/bookings/", frozenset({201, 409}), headers, body, event, token)

    def _manage(self) -> Request:
        what = self._random.choice(("cancel", "admit", "look"))
        if what == "look" or len(self._booked) <= THREADS:
            path = self._random.choice(self._dashboards).replace("<uuid:event_id>", self._random.choice(self._events))
            return Request(REST, "GET", path, frozenset({200}), {"Cookie": self._cookie})
        event, booking, token = self._booked.popleft()
        if what == "cancel":
            # 409: it was sold out before.
            return Request(REST, "DELETE", f"/api/bookings/{booking}/", frozenset({200, 409}), {"Authorization": f"Token {token}"})
        headers = {"Cookie": self._cookie, "Content-Type": "application/x-www-form-urlencoded"}
        # All seats of the booking, as whoever is at the door finds it by name. The verdict is the answer, whichever it is.
        form = urlencode({"anyway": booking, "gate": "North", "csrf_token": self._form_token}).encode()
        return Request(REST, "POST", f"/dashboard/events/{event}/check-in", frozenset({200}), headers, form)


class Soak:
    """The load, for as long as it lasts."""

    def __init__(self, address: tuple[str, int], crowd: Crowd, minutes: int) -> None:
        self.minutes = [Minute() for _ in range(minutes)]
        self._address, self._crowd = address, crowd
        self._turns = itertools.count()
        self._lock = threading.Lock()

    def run(self, played: Stage) -> None:
        self._started = time.monotonic()
        threads = [threading.Thread(target=self._visit) for _ in range(THREADS)] + [threading.Thread(target=self._scrape)]
        for thread in threads:
            thread.start()
        for number, minute in enumerate(self.minutes):
            time.sleep(max(0.0, self._started + 60 * (number + 1) - time.monotonic()))
            minute.memory = dict(_memory(played))
        for thread in threads:
            thread.join()

    def _visit(self) -> None:
        connection = http.client.HTTPConnection(*self._address, timeout=30)
        while (due := self._started + next(self._turns) / RATE) < self._started + 60 * len(self.minutes):
            time.sleep(max(0.0, due - time.monotonic()))
            self._ask(connection, self._crowd.next())
        connection.close()

    def _ask(self, connection: http.client.HTTPConnection, request: Request) -> None:
        asked = time.monotonic()
        error = ""
        try:
            connection.request(request.method, request.path, request.body, request.headers)
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as trouble:
            error = f"{request.kind}: {type(trouble).__name__}"
            connection.close()
        else:
            if response.status not in request.expected:
                error = f"{request.kind}: {response.status} for {request.path}"
            elif response.status == 201:
                self._crowd.note(request, answer)
        minute = self.minutes[min(int((asked - self._started) / 60), len(self.minutes) - 1)]
        with self._lock:
            minute.latencies[request.kind].append(1000 * (time.monotonic() - asked))
            minute.errors.update([error] if error else [])

    def _scrape(self) -> None:
        connection = http.client.HTTPConnection(*self._address, timeout=30)
        request = Request(REST, "GET", "/metrics", frozenset({200}), {"Authorization": f"Bearer {TOKEN}"})
        while time.monotonic() < self._started + 60 * len(self.minutes) - SCRAPE:
            time.sleep(SCRAPE)
            self._ask(connection, request)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("minutes", type=int, nargs="?", default=10)
    minutes = parser.parse_args().minutes
    report = Report("A long run under mixed load", "soak.md", describe_machine())
    # All requests come from one address, which may ask this often.
    with stage(RATELIMIT_DEFAULT="1000000 per minute", METRICS_TOKEN=TOKEN) as played:
        crowd = _make_crowd(played.app)
        address = played.start_web()
        crowd.open_dashboard(address)
        for queues in ("bookings", "mail,default"):
            played.start_worker(queues)
        played.start_beat()
        soak = Soak(address, crowd, minutes)
        soak.run(played)
        _report_answers(report, soak.minutes)
        _report_memory(report, soak.minutes)
        _report_books(report)
    report.write(ROOT / "docs" / "benchmarks")


def _make_crowd(app: Flask) -> Crowd:
    organizer = make_organizer()
    events = [make_entry(organizer, number) for number in range(EVENTS)]
    for event in events:
        event.capacity = SEATS
    add_events(events)
    return Crowd(app, events, organizer.id)


def _sign_in(user_id: int) -> str:
    """The cookie of a session."""
    key = secrets.token_urlsafe(32)
    sessions.create(hashlib.sha256(key.encode()).hexdigest(), user_id=user_id, data={}, device="", is_remembered=False)
    return f"session={key}.1"


def _memory(played: Stage) -> Iterator[tuple[str, float]]:
    """MB that each process of the site holds."""
    for service in played.services:
        assert service.child, "not started"
        main = psutil.Process(service.child.pid)
        yield service.name, main.memory_info().rss / 1e6
        for number, child in enumerate(main.children(), 1):
            yield f"{service.name}, process {number}", child.memory_info().rss / 1e6


def _report_answers(report: Report, minutes: list[Minute]) -> None:
    total = sum(len(times) for minute in minutes for times in minute.latencies.values())
    report.section(f"{total:,} requests in {len(minutes)} minutes: browsing / booking / the rest, p50 and p99 in milliseconds")
    for number, minute in enumerate(minutes, 1):
        said = " · ".join(f"{_at(minute.latencies[kind], 0.5):.0f} and {_at(minute.latencies[kind], 0.99):.0f}" for kind in KINDS)
        report.line(f"Minute {number}", said)
    errors = sum((minute.errors for minute in minutes), Counter[str]())
    worst = "; ".join(f"{count} × {error}" for error, count in errors.most_common(5))
    report.line("Answers that were none, or wrong", f"{errors.total()} {worst}".strip(), floor="0", holds=not errors)


def _report_memory(report: Report, minutes: list[Minute]) -> None:
    report.section("Memory of each process in MB: after the first minute, at half time, at the end")
    first, half, last = (minutes[number].memory for number in (0, (len(minutes) - 1) // 2, -1))
    for name, at_end in last.items():
        grown = at_end - half.get(name, 0.0)
        measured = f"{first.get(name, 0.0):.1f}, {half.get(name, 0.0):.1f}, {at_end:.1f}"
        report.line(name, measured, floor=f"≤ {GROWTH:.0f} more since half time", holds=grown <= GROWTH)


def _report_books(report: Report) -> None:
    deadline = time.monotonic() + 30
    waiting = select(func.count()).where(Booking.status == PROCESSING)
    while (left := db.session.scalar(waiting)) and time.monotonic() < deadline:
        db.session.remove()
        time.sleep(0.1)
    report.section("The books")
    counts = db.session.execute(select(Booking.status, func.count()).group_by(Booking.status)).all()
    report.line("Bookings", ", ".join(f"{count:,} {status}" for status, count in sorted(map(tuple, counts))))
    report.line("Tickets let in", f"{db.session.scalar(select(func.count()).select_from(CheckIn)):,}")
    report.line("Not decided half a minute after the end", str(left), floor="0", holds=not left)
    breaches = list(consistency.check())
    report.line("Rows that break an invariant", str(len(breaches)), floor="0", holds=not breaches)


def _at(latencies: list[float], share: float) -> float:
    ordered = sorted(latencies) or [0.0]
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


if __name__ == "__main__":
    main()
