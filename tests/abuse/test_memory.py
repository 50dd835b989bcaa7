"""One web server goes through every attack that costs memory, and stays below 300 MB in each of its processes."""

import contextlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flask import Flask

from evently.accounts.models import User
from tests.abuse.test_pictures import EVENT, clear_png, upload_all
from tests.abuse.wire import Answer, Caller, peak_memory, signed_in, wait_for, web_processes

MB = 1024 * 1024
MOST = 300
AT_ONCE = 4
FORM, JSON, MULTIPART = "application/x-www-form-urlencoded", "application/json", "multipart/form-data; boundary=x"
REGISTER = "/api/user/auth/register/"
# As much as fits into a body, made to take as much memory as it can.
BODIES = {
    "fields of one name": ("/login", FORM, b"&a" * (MB // 2 - 10)),
    "fields of many names": ("/login", FORM, b"&".join(b"%x=" % n for n in range(140_000))),
    "parts": ("/login", MULTIPART, b"".join(b'--x\r\nContent-Disposition: form-data; name="%x"\r\n\r\n\r\n' % n for n in range(15_000))),
    "JSON of many names": (REGISTER, JSON, json.dumps(dict.fromkeys(map(hex, range(80_000)), 0)).encode()),
    "JSON of many lists": (REGISTER, JSON, b'{"username":[' + b"[]," * (MB // 3 - 20) + b"0]}"),
    "JSON of many objects": (REGISTER, JSON, b'{"username":[' + b"{}," * (MB // 3 - 20) + b"0]}"),
    "JSON in JSON": (REGISTER, JSON, b"[" * (MB - 10)),
    "a long text": (REGISTER, JSON, b'{"username":"' + b"\\u00e4" * (MB // 6 - 10) + b'"}'),
}


def calendar(categories: int) -> bytes:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", "BEGIN:VEVENT", "UID:1", "DTSTART:20310705T200000Z", "SUMMARY:Organ"]
    return "\r\n".join([*lines, "CATEGORIES:" + "a," * categories, "END:VEVENT", "END:VCALENDAR", ""]).encode()


def at_once(call: Callable[..., Answer], *args: Any, times: int = AT_ONCE, **options: Any) -> set[int]:
    """The statuses of the same request, sent so many times at once."""
    with ThreadPoolExecutor(times) as pool:
        return {one.result().status for one in [pool.submit(call, *args, **options) for _ in range(times)]}


def bodies(site: Caller, _desk: Caller) -> None:
    for path, kind, body in BODIES.values():
        assert at_once(site.ask, "POST", path, body, **{"Content-Type": kind}) <= {400, 413, 422}


def uploads_of_strangers(site: Caller, _desk: Caller) -> None:
    assert at_once(site.ask, "POST", "/dashboard/events/new", bytes(15 * MB), **{"Content-Type": MULTIPART}) == {303}


def uploads_of_an_organizer(_site: Caller, desk: Caller) -> None:
    assert at_once(desk.upload, "/dashboard/events/new", cover=(bytes(14 * MB), "a.jpg"), **EVENT) <= {422, 503}


def pictures(_site: Caller, desk: Caller) -> None:
    for size in (7000, 4890):
        answers, _ = upload_all(desk, [clear_png(size)] * 10)
        assert {answer.status for answer in answers} <= {303, 422, 503}


def slow_clients(site: Caller, _desk: Caller) -> None:
    with contextlib.ExitStack() as stack:
        for n in range(20):
            stack.enter_context(site.unfinished("/login", source=f"127.0.0.{2 + n}"))
        for _ in range(500):
            connection = stack.enter_context(contextlib.closing(site.connect()))
            connection.connect()
            connection.sock.sendall(b"GET / HTTP/1.1\r\nX-A: " + b"a" * 30_000)
        assert site.ask("GET", "/healthz").seconds < 1


def markdown(site: Caller, desk: Caller) -> None:
    """What is refused at saving costs no view; what is accepted is viewed by many."""
    for text in ("[" * 20_000, "|a" * 5_000 + "\n" + "|-" * 5_000 + "\n"):
        answer = desk.upload("/dashboard/events/new", **EVENT, description=text, status="published")
        if answer.status == 303:
            path = answer.headers["location"].replace("/dashboard", "")
            assert at_once(site.ask, "GET", path, times=12) == {200}


def calendars(_site: Caller, desk: Caller) -> None:
    fields = {"capacity": "10", "price_per_ticket": "0", "timezone": "UTC"}
    answer = desk.upload("/dashboard/events/import", file=(calendar(2_000_000), "a.ics"), **fields)
    assert answer.status in {303, 422}
    if answer.status == 303:
        # In embedded mode the worker is in the same process.
        wait_for(lambda: 'aria-busy="true"' not in desk.ask("GET", answer.headers["location"]).text, seconds=30)


ATTACKS: list[Callable[[Caller, Caller], None]] = [
    bodies, uploads_of_strangers, uploads_of_an_organizer, pictures, slow_clients, markdown, calendars,
]  # fmt: skip


def test_no_attack_takes_a_web_process_beyond_300_mb(live_server: str, app: Flask, mira: User):
    site, desk = Caller(live_server), signed_in(app, live_server, mira)
    taken = {}
    for attack in ATTACKS:
        attack(site, desk)
        taken[attack.__name__] = max(map(peak_memory, web_processes(live_server)))
    assert max(taken.values()) < MOST, taken
