"""Pictures that are small as files and large in memory, and many pictures at once."""

import io
import re
import signal
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from PIL import Image

from evently.accounts.models import User
from evently.errors import Busy, Invalid
from evently.events import image_worker
from evently.events.cover_images import read_picture
from tests.abuse.wire import Answer, Caller, peak_memory, signed_in, wait_for, web_processes
from tests.dashboard.test_covers import bomb, picture
from tests.harness.site import on_sqlite

EVENT = {
    "name": "Organ at night",
    "venue": "Dome",
    "time": "2031-07-05T20:00",
    "timezone": "UTC",
    "currency": "EUR",
    "category": "other",
    "capacity": "10",
    "price_per_ticket": "0",
}


def clear_png(size: int) -> bytes:
    """A transparent square: a few hundred kilobytes, and four bytes a pixel when it is decoded."""
    return picture("PNG", (size, size), (0, 0, 0, 0), "RGBA")


def photo(width: int, height: int) -> bytes:
    """A JPEG with as much detail as a photograph has, as a file of some megabytes."""
    file = io.BytesIO()
    Image.effect_noise((width // 4, height // 4), 60).resize((width, height)).convert("RGB").save(file, "JPEG", quality=85)
    return file.getvalue()


def upload_all(desk: Caller, files: list[bytes]) -> tuple[list[Answer], list[float]]:
    """All of them at once, and how long /healthz took in the meantime."""
    health: list[float] = []
    with ThreadPoolExecutor(len(files)) as pool:
        sent = [pool.submit(desk.upload, "/dashboard/events/new", cover=(file, "a.jpg"), **EVENT) for file in files]
        while not all(one.done() for one in sent):
            health.append(desk.ask("GET", "/healthz").seconds)
    return [one.result() for one in sent], health


def test_ten_large_pngs_at_once_are_refused_without_a_trace(live_server: str, app: Flask, mira: User, no_limits: None):
    desk = signed_in(app, live_server, mira)
    file = clear_png(7000)
    assert len(file) < 210_000
    answers, health = upload_all(desk, [file] * 10)
    # As many as wait for their turn get to it; the others are asked to come back, with their form as it was.
    refused = [answer for answer in answers if answer.status == 422]
    busy = [answer for answer in answers if answer.status == 503]
    assert (len(refused) >= image_worker.MAX_QUEUE, len(refused) + len(busy)) == (True, 10)
    assert all("Choose a picture of at most 24 million pixels for a PNG file" in answer.text for answer in refused)
    for answer in busy:
        assert "choose the picture again and save in a moment" in answer.text
        assert 'value="Organ at night"' in answer.text
        assert answer.headers["retry-after"] == "5"
    assert max(health) < 5
    for process in web_processes(live_server):
        assert peak_memory(process) < 300
        # It does not even load the decoders.
        assert "PIL" not in Path(f"/proc/{process.pid}/maps").read_text()


@on_sqlite
def test_five_photos_at_once_do_not_take_the_server_down(live_server: str, app: Flask, mira: User):
    desk = signed_in(app, live_server, mira)
    photos = [photo(6000, 4000) for _ in range(2)]
    answers, health = upload_all(desk, [photos[n % 2] for n in range(5)])
    statuses = sorted(answer.status for answer in answers)
    assert (statuses[:4], statuses[4] in {303, 503}) == ([303] * 4, True)
    assert max(health) < 5
    [process] = web_processes(live_server)
    assert peak_memory(process) < 300
    # What a picture took went with its process.
    wait_for(lambda: not [child for child in process.children() if "image_processing" in " ".join(child.cmdline())])


@pytest.mark.parametrize("size", [(4032, 3024), (8160, 6120)], ids=["12 megapixels", "50 megapixels"])
@on_sqlite
def test_what_phones_take_is_accepted(app: Flask, size: tuple[int, int]):
    file = photo(*size) if size[0] < 5000 else picture("JPEG", size, quality=90)
    assert Image.open(io.BytesIO(read_picture(io.BytesIO(file)).large)).size == (1600, 1200)


def claiming(width: int, height: int, **options: Any) -> bytes:
    """A small JPEG whose header claims to be this large."""
    file = picture("JPEG", (400, 400), **options)
    at = max(file.find(b"\xff\xc0"), file.find(b"\xff\xc2")) + 5
    return file[:at] + struct.pack(">HH", height, width) + file[at + 4 :]


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (bomb(4950, 4950), "24 million pixels for a PNG file"),
        (picture("WEBP", (3600, 3400)), "12 million pixels for a WebP file"),
        (claiming(8100, 8100), "65 million pixels for a JPEG file"),
        (claiming(5000, 5000, progressive=True), "24 million pixels for a progressive JPEG file"),
        (claiming(65_000, 400), "too much memory or time"),
    ],
    ids=["PNG", "WebP", "JPEG", "progressive JPEG", "a line"],
)
@on_sqlite
def test_pixels_are_bounded_by_format(app: Flask, file: bytes, words: str):
    with pytest.raises(Invalid) as refusal:
        read_picture(io.BytesIO(file))
    assert words in refusal.value.fields["cover"][0]


@pytest.mark.parametrize(
    ("kind", "size", "options"),
    [
        ("PNG", (4890, 4890), {"mode": "RGBA", "colour": (0, 0, 0, 0)}),
        ("WEBP", (3460, 3460), {"mode": "RGBA", "colour": (9, 9, 9, 9)}),
        ("JPEG", (6000, 4000), {"progressive": True, "subsampling": 0}),
    ],
    ids=["PNG", "WebP", "progressive JPEG"],
)
def test_the_largest_that_are_accepted_stay_far_below_the_limit_on_memory(kind: str, size: tuple[int, int], options: dict[str, Any]):
    source = "import evently.events.image_processing as it; it.main(); print(open('/proc/self/status').read())"
    command, file = [sys.executable, "-c", source], picture(kind, size, **options)
    ended = subprocess.run(command, input=file, capture_output=True, check=True, cwd=image_worker.ROOT)
    [peak] = re.findall(rb"VmHWM:\s+(\d+) kB", ended.stdout)
    assert b'"sizes"' in ended.stdout
    assert int(peak) / 1024 < 260


@pytest.mark.parametrize(
    ("work", "code", "words"),
    [("bytearray(10**9)", 0, "too much memory or time"), ("all(iter(lambda: 1, 0))", -signal.SIGKILL, "")],
    ids=["memory", "time"],
)
def test_a_process_has_bounds(work: str, code: int, words: str):
    source = f"import evently.events.image_processing as it; it.CPU_LIMIT = 1; it.normalize = lambda _: {work}; it.main()"
    command = [sys.executable, "-c", source]
    ended = subprocess.run(
        command, check=False, stdin=subprocess.DEVNULL, capture_output=True, cwd=image_worker.ROOT, timeout=30, text=True
    )
    assert (ended.returncode, words in ended.stdout) == (code, True)


@on_sqlite
def test_a_process_that_dies_is_a_refusal(app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(image_worker, "MODULE", "evently.no_such_module")
    with pytest.raises(Invalid) as refusal:
        read_picture(io.BytesIO(picture()))
    assert "too much memory or time" in refusal.value.fields["cover"][0]


@on_sqlite
def test_one_is_processed_at_a_time_on_a_machine(app: Flask, monkeypatch: pytest.MonkeyPatch):
    """Another process of this machine has its turn; those that wait give up after a while, and those above are not let in."""
    monkeypatch.setattr(image_worker, "PATIENCE", 1.0)
    source = "import fcntl, sys; it = open(sys.argv[1]); fcntl.flock(it, fcntl.LOCK_EX); print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", source, image_worker.__file__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        assert other.stdin
        assert other.stdout.readline() == b"held\n"
        with ThreadPoolExecutor(6) as pool:
            found = [pool.submit(read_picture, io.BytesIO(picture())).exception() for _ in range(6)]
        assert all(isinstance(error, Busy) for error in found)
        other.stdin.close()
    # Other tests of this machine may have the lock now.
    monkeypatch.setattr(image_worker, "PATIENCE", 60.0)
    assert read_picture(io.BytesIO(picture())).small
