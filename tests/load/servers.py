"""`python -m tests.load.servers`: the site and a bare handler behind granian and gunicorn (`pip install gunicorn`), in turns.

ADR 12 tells what came of it. Not part of `make bench`: the site runs on one of them, and needs only that.
"""

import statistics
import sys

import psutil

from config import ROOT
from evently.extensions import db
from evently.launch.ports import answers, free_port
from evently.launch.processes import wait_until
from evently.launch.supervisor import WEB, Service
from tests.load import client
from tests.load.bare import narrow
from tests.load.bench_booking import bookings, rows, wait_until_decided
from tests.load.stage import Stage, booking_body, make_event, stage

ROUNDS = 4
SIZES = {50: 1500, 1000: 3000}
SITE, BARE = "wsgi:app", "tests.load.bare:create_bare"


def main() -> None:
    with stage() as played:
        narrow.create(db.engine)
        servers = {"granian, 2 x 4": (_granian(played, 2)), "granian, 1 x 4": (_granian(played, 1))}
        servers |= {f"gunicorn gthread, 2 x {threads}": _gunicorn(played, threads) for threads in (4, 8)}
        played.start_worker("bookings")
        played.start_worker("mail,default")
        for connections, size in SIZES.items():
            found = {name: [_round(server, connections, size) for _ in range(ROUNDS)][1:] for name, server in servers.items()}
            for name, rounds in found.items():
                bare, site, page, p99 = (statistics.median(column) for column in zip(*rounds, strict=True))
                said = f"bare {bare:5.0f}/s   site {site:5.0f}/s   ratio {site / bare:.2f}   p99 {p99:5.0f} ms   listing {page:4.0f}/s"
                print(f"{connections:5} connections   {name:24} {said}")  # noqa: T201 - this is its output
        for (name, _), service in zip(servers.items(), played.services[::2], strict=False):
            print(f"{name:24} {_rss(service):4.0f} MB with the site")  # noqa: T201 - this is its output


Address = tuple[str, int]


def _granian(played: Stage, workers: int) -> tuple[Address, Address]:
    return played.start_web(SITE, workers=workers), played.start_web("--factory", BARE, workers=workers)


def _gunicorn(played: Stage, threads: int) -> tuple[Address, Address]:
    return _start_gunicorn(played, SITE, threads), _start_gunicorn(played, f"{BARE}()", threads)


def _start_gunicorn(played: Stage, target: str, threads: int) -> Address:
    port = free_port()
    options = ("-k", "gthread", "-w", "2", "--threads", str(threads), "--keep-alive", "60", "--worker-connections", "2000")
    command = [sys.executable, "-m", "gunicorn", *options, "--backlog", "2048", "-b", f"127.0.0.1:{port}", target]
    service = Service(f"gunicorn {target}", command, env={**played.environ, "PORT": str(port)}, cwd=ROOT, tier=WEB, grace=3)
    played.start(service)
    assert service.child
    wait_until(lambda: answers("127.0.0.1", port, "/healthz"), service.child, what="gunicorn", timeout=60)
    return "127.0.0.1", port


def _round(server: tuple[Address, Address], connections: int, size: int) -> tuple[float, float, float, float]:
    site, bare = server
    plain = client.run(bare, rows("/rows/", make_event(capacity=1), size), connections=connections)
    event_id = make_event(capacity=10 * size).id
    booked = client.run(site, bookings(booking_body(event_id), size, connections=connections), connections=connections)
    wait_until_decided(event_id)
    page = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    listed = client.run(site, iter([page] * (size // 4)), connections=connections)
    return plain.per_second, booked.per_second, listed.per_second, booked.percentile(0.99)


def _rss(service: Service) -> float:
    assert service.child
    main_process = psutil.Process(service.child.pid)
    return sum(process.memory_info().rss for process in (main_process, *main_process.children(recursive=True))) / 1e6


if __name__ == "__main__":
    main()
