"""Bodies that are large, or take more memory than they have bytes: who may send one is known before it is read."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from evently.accounts.models import User
from evently.http.request_bodies import DISCARD_BYTES
from tests.abuse.wire import Caller, forget_peak, peak_memory, signed_in, web_processes
from tests.factories import auth, log_in, make_user
from tests.harness.site import on_sqlite
from tests.harness.visitor import Visitor

MB = 1024 * 1024
UPLOADS = ("/dashboard/events/new", "/dashboard/events/import", "/dashboard/events/00000000-0000-0000-0000-000000000000/edit")
URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=x"


class Unread:
    """A body that must not be read."""

    def __init__(self) -> None:
        self.count = 0

    def read(self, size: int = -1) -> bytes:
        self.count += 1
        return bytes(max(0, size))


def send(client: FlaskClient, path: str, length: int | None, **options: Any) -> tuple[int, str, bool]:
    """Status and Location of the response, and whether any of the body was read for it."""
    body = Unread()
    headers = {} if length is not None else {"Transfer-Encoding": "chunked"}
    environ = {"wsgi.input": body, "wsgi.input_terminated": True, "HTTP_EXPECT": "100-continue"}
    if length is not None:
        environ["CONTENT_LENGTH"] = str(length)
    response = client.post(path, environ_overrides=environ, headers=headers | options.pop("headers", {}), **options)
    return response.status_code, response.headers.get("Location", ""), body.count > 0


@pytest.mark.parametrize("length", [30 * MB, None], ids=["with its length", "chunked"])
@pytest.mark.parametrize("path", UPLOADS)
def test_a_stranger_is_sent_to_sign_in_before_the_body_is_read(client: FlaskClient, path: str, length: int | None):
    status, location, is_read = send(client, path, length, content_type=MULTIPART)
    assert (status, location.partition("?")[0], is_read) == (303, "/login", False)


@pytest.mark.parametrize("path", UPLOADS)
def test_attendees_are_refused_before_the_body_is_read(client: FlaskClient, path: str):
    log_in(client, make_user())
    assert send(client, path, 30 * MB, content_type=MULTIPART) == (403, "", False)


def test_more_than_a_megabyte_is_refused_everywhere_else(client: FlaskClient, mira: User):
    log_in(client, mira)
    for path in ("/login", "/register", "/dashboard/events/description", "/nowhere", "/events/x", "/healthz"):
        assert send(client, path, MB + 1, content_type=MULTIPART) == (413, "", False)
    for path in ("/api/user/auth/register/", "/api/bookings/", "/api/events/"):
        assert send(client, path, MB + 1, headers=auth(mira), content_type="application/json") == (413, "", False)
    # Organizers may send no more than a form with a picture has either.
    assert send(client, UPLOADS[0], 30 * MB, content_type=MULTIPART) == (413, "", False)


def test_a_body_without_length_is_read_up_to_the_bound(client: FlaskClient):
    endless = Unread()
    environ = {"wsgi.input": endless, "wsgi.input_terminated": True}
    answer = client.post("/login", environ_overrides=environ, headers={"Transfer-Encoding": "chunked"}, content_type=MULTIPART)
    assert answer.status_code == 413
    # The bound, and what is thrown away so that the client can read the answer.
    assert endless.count < MB + DISCARD_BYTES + MB


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (URLENCODED, b"&a" * 500_000),
        (URLENCODED, b"&".join(b"%x=" % n for n in range(150_000))),
        (MULTIPART, b"".join(b'--x\r\nContent-Disposition: form-data; name="%x"\r\n\r\n\r\n' % n for n in range(15_000)) + b"--x--"),
        (MULTIPART, b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"a" * 600_000 + b"\r\n--x--"),
        (MULTIPART, b"--x\r\n" + b"A: b\r\n" * 100_000),
    ],
    ids=["fields of one name", "fields of many names", "parts", "a long part", "headers of a part"],
)
def test_a_form_has_so_many_fields_and_no_more(client: FlaskClient, content_type: str, body: bytes):
    assert len(body) < MB
    assert client.post("/login", data=body, content_type=content_type).status_code == 413


def test_an_address_has_an_end(client: FlaskClient):
    assert client.get(f"/login?{'&a' * 3000}").status_code == 200
    assert client.get(f"/login?{'&a' * 5000}").status_code == 414
    answer = client.get(f"/api/user/events/?{'&a' * 5000}")
    assert (answer.status_code, answer.json["details"]["code"]) == (414, "uri_too_long")


def test_text_of_a_form_that_waits_for_signing_in_is_kept_where_it_is_short(client: FlaskClient, mira: User):
    """What keeps large bodies out must not cost the text of an ordinary form."""
    visitor = Visitor(client)
    visitor.client.post("/dashboard/events/new", data={"name": "Organ at night"}, headers={"Sec-Fetch-Site": "same-origin"})
    log_in(client, mira)
    assert "Organ at night" in visitor.get("/dashboard/events/new").text


@on_sqlite
def test_a_stranger_gets_the_redirect_on_a_real_connection(live_server: str, app: Flask):
    stranger = Caller(live_server)
    for process in (processes := web_processes(live_server)):
        forget_peak(process)
    before = [peak_memory(process) for process in processes]
    # Read and thrown away up to 16 MB, so that a browser that sends all of it first gets to read the answer.
    for size in (15 * MB, 30 * MB):
        answer = stranger.ask("POST", UPLOADS[0], bytes(size), **{"Content-Type": MULTIPART})
        assert (answer.status, answer.headers["location"].partition("?")[0]) == (303, "/login")
    chunks = (bytes(64 * 1024) for _ in range(480))
    answer = stranger.ask("POST", UPLOADS[0], chunks, **{"Content-Type": MULTIPART, "Transfer-Encoding": "chunked"})
    assert answer.status == 303
    assert all(peak_memory(process) - mb < 8 for process, mb in zip(processes, before, strict=True))


@on_sqlite
def test_an_organizers_file_goes_to_the_disk(live_server: str, app: Flask, mira: User):
    desk = signed_in(app, live_server, mira)
    desk.upload(UPLOADS[1], file=(b"{}", "a.json"))
    for process in (processes := web_processes(live_server)):
        forget_peak(process)
    before = [peak_memory(process) for process in processes]
    answer = desk.upload(UPLOADS[0], cover=(bytes(14 * MB), "a.jpg"))
    assert (answer.status, "at most 10 MB" in answer.text) == (422, True)
    assert all(peak_memory(process) - mb < 8 for process, mb in zip(processes, before, strict=True))
