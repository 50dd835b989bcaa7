"""A picture for an event: what is taken, what is made of it, who sees it, and what is refused."""

import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from evently.accounts.models import User
from evently.database import transaction
from evently.errors import Invalid
from evently.events import cover_images, image_processing
from evently.events.cover_images import read_picture
from evently.events.models import Cover, Event
from evently.events.queries import get_event
from evently.extensions import db
from tests.factories import api_token, in_days, log_in, make_event, make_organizer
from tests.harness.site import fresh
from tests.harness.visitor import Visitor


def picture(
    kind: str = "JPEG", size: tuple[int, int] = (900, 700), colour: Any = (200, 30, 30), mode: str = "RGB", **options: Any
) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, kind, **options)
    return file.getvalue()


def upload(desk: Visitor, event: Event, file: bytes, **fields: str) -> TestResponse:
    return desk.submit(f"/dashboard/events/{event.id}/edit", {"cover": (io.BytesIO(file), "photo.jpg"), **fields})


def now(event: Event) -> Event:
    fresh()
    return get_event(event.id)


def kept() -> int:
    fresh()
    return db.session.scalar(select(func.count()).select_from(Cover)) or 0


def test_a_picture_takes_the_place_of_the_poster(desk: Visitor, mira: User):
    event = make_event(by=mira)
    assert upload(desk, event, picture(), cover_alt="A red wall").status_code == 303
    small = f"/covers/{now(event).cover_digest}-small.jpg"
    for address in ("/", f"/events/{event.id}"):
        page = desk.get(address).text
        assert f'src="{small}"' in page
        assert 'alt="A red wall"' in page
        assert "poster.svg" not in page
    assert f'content="http://127.0.0.1:8000{small.replace("small", "large")}"' in desk.get(f"/events/{event.id}").text
    answer = desk.get(small)
    assert answer.mimetype == "image/jpeg"
    assert "immutable" in answer.headers["Cache-Control"]
    assert "Set-Cookie" not in answer.headers
    assert Image.open(io.BytesIO(answer.data)).size == (640, 800)


def test_a_new_event_may_come_with_one(desk: Visitor):
    fields = {
        "name": "Organ",
        "venue": "Dome",
        "time": "2031-07-05T20:00",
        "capacity": "10",
        "price_per_ticket": "0",
        "status": "published",
    }
    assert desk.submit("/dashboard/events/new", {**fields, "cover": (io.BytesIO(picture()), "a.jpg")}).status_code == 303
    assert kept() == 1


def test_other_words_and_another_picture_and_none(desk: Visitor, mira: User):
    event = make_event(by=mira)
    upload(desk, event, picture(), cover_alt="Red")
    first = now(event).cover_digest
    desk.submit(f"/dashboard/events/{event.id}/edit", {"cover_alt": "A red wall"})
    assert (now(event).cover_digest, now(event).cover_alt) == (first, "A red wall")
    upload(desk, event, picture(colour=(0, 0, 200)))
    assert now(event).cover_digest != first
    assert kept() == 1
    desk.submit(f"/dashboard/events/{event.id}/edit", {"removes_cover": "y"})
    assert (now(event).cover_digest, now(event).cover_alt) == (None, "")
    assert kept() == 0
    assert "poster.svg" in desk.get(f"/events/{event.id}").text
    assert desk.get(f"/covers/{first}-small.jpg").status_code == 404


def test_a_picture_that_two_events_share_stays_for_the_other(desk: Visitor, mira: User):
    one, other = make_event(by=mira), make_event(by=mira)
    for event in (one, other):
        upload(desk, event, picture())
    assert kept() == 1
    desk.submit(f"/dashboard/events/{one.id}/edit", {"removes_cover": "y"})
    assert desk.get(f"/covers/{now(other).cover_digest}-large.jpg").status_code == 200


def test_nothing_of_the_file_itself_is_served(desk: Visitor, mira: User):
    event = make_event(by=mira)
    exif = Image.Exif()
    exif[0x010E], exif[0x8825] = "<script>alert(1)</script>", {1: "N", 2: (51.0, 20.0, 0.0)}
    upload(desk, event, picture(exif=exif.tobytes(), comment=b"hidden") + b"<?php evil")
    for size in ("small", "large"):
        served = desk.get(f"/covers/{now(event).cover_digest}-{size}.jpg").data
        assert not any(word in served for word in (b"script", b"hidden", b"php"))
        image = Image.open(io.BytesIO(served))
        assert not image.getexif()
        assert "comment" not in image.info


def test_a_picture_stands_upright_and_transparency_is_paper(app):
    turned = Image.Exif()
    turned[0x0112] = 6
    large = Image.open(io.BytesIO(read_picture(io.BytesIO(picture(size=(2000, 1000), exif=turned.tobytes()))).large))
    assert large.size == (800, 1600)
    clear = Image.open(io.BytesIO(read_picture(io.BytesIO(picture("PNG", mode="RGBA", colour=(0, 0, 0, 0)))).large))
    assert all(abs(a - b) < 4 for a, b in zip(clear.getpixel((9, 9)), image_processing.BACKGROUND, strict=True))


@pytest.mark.parametrize(
    "file",
    [
        picture("PNG"), picture("PNG", mode="P", colour=3), picture("PNG", mode="L", colour=90), picture("PNG", mode="I;16", colour=900),
        picture("WEBP"), picture("JPEG", mode="CMYK", colour=(10, 20, 30, 40)), picture("JPEG", (6000, 4000), progressive=True),
    ],
)  # fmt: skip
def test_what_cameras_and_programs_write_is_taken(app, file: bytes):
    for made, most in ((read_picture(io.BytesIO(file)).small, 800), (read_picture(io.BytesIO(file)).large, 1600)):
        image = Image.open(io.BytesIO(made))
        assert (image.format, image.mode) == ("JPEG", "RGB")
        assert max(image.size) <= most


def bomb(width: int, height: int) -> bytes:
    """A PNG of some kilobytes that claims to be this large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100_000))) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (bomb(7000, 7000), "24 million pixels for a PNG file"),
        (bomb(60_000, 60_000), "24 million pixels"),
        (bomb(2000, 2000), "no picture that can be read"),
        (picture()[:2000], "no picture that can be read"),
        (picture("GIF"), "no picture that can be read"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no picture that can be read"),
        (b"\xff\xd8\xff" + b"\0" * 500, "no picture that can be read"),
        (picture(size=(319, 900)), "at least 320 pixels"),
        (b"\0" * (cover_images.MAX_BYTES + 1), "at most 10 MB"),
    ],
)  # fmt: skip
def test_what_is_no_picture_or_too_large_a_one_is_refused(app, file: bytes, words: str):
    with pytest.raises(Invalid) as refusal:
        read_picture(io.BytesIO(file))
    assert words in refusal.value.fields["cover"][0]


def test_a_refusal_stands_beside_the_field_and_nothing_is_written(desk: Visitor, mira: User):
    event = make_event(by=mira, name="Before")
    answer = upload(desk, event, b"no picture", name="After")
    assert answer.status_code == 422
    assert "This is no picture that can be read." in answer.text
    assert 'value="After"' in answer.text
    assert now(event).name == "Before"
    long = upload(desk, event, picture(), cover_alt="x" * 201)
    assert "Use at most 200 characters." in long.text
    again = upload(desk, event, picture(), name="")
    assert "The picture you chose is kept" in again.text
    assert (kept(), cover_images.delete_orphans()) == (1, 0)
    with transaction() as session:
        session.execute(update(Cover).values(created_at=in_days(-2)))
    assert (cover_images.delete_orphans(), kept()) == (1, 0)


def test_a_form_is_not_endless(desk: Visitor, mira: User):
    event = make_event(by=mira)
    kind = "multipart/form-data; boundary=x"
    assert desk.client.post(f"/dashboard/events/{event.id}/edit", data=bytes(40 * 1024**2), content_type=kind).status_code == 413
    # What carries no picture has no room for one either.
    assert desk.client.post("/dashboard/events/description", data=bytes(2 * 1024**2), content_type=kind).status_code == 413


def test_nobody_elses_event_gets_one_and_there_is_no_other_way(desk: Visitor, mira: User):
    event = make_event()
    token = desk.token("/dashboard/events/new")
    data = {"csrf_token": token, "name": "x", "cover": (io.BytesIO(picture()), "a.jpg")}
    assert desk.client.post(f"/dashboard/events/{event.id}/edit", data=data).status_code == 403
    own = make_event(by=mira)
    headers = {"Authorization": f"Token {api_token(mira)}"}
    desk.client.patch(f"/api/events/{own.id}/", json={"cover_digest": "0" * 64, "cover_alt": "x"}, headers=headers)
    assert now(own).cover_digest is None
    assert kept() == 0


def test_an_address_that_means_no_picture_is_not_there(client):
    log_in(client, make_organizer())
    for address in ("/covers/0-small.jpg", f"/covers/{'0' * 64}-large.jpg", f"/covers/{'0' * 64}-huge.jpg", "/covers/%00-small.jpg"):
        assert client.get(address).status_code == 404
