"""A picture of an event in place of its poster.

What somebody uploads is decoded, and what is kept is drawn anew from its pixels: nothing of the file itself, neither
what a camera wrote into it nor what somebody hid there, is ever served.
"""

import hashlib
import io
import re
import struct
import uuid
from dataclasses import dataclass

from PIL import Image, ImageOps
from sqlalchemy import delete, select

from evently.accounts.models import User
from evently.database import transaction
from evently.errors import Invalid, NotFound
from evently.events.models import Cover, Event
from evently.events.queries import get_managed_event
from evently.extensions import db
from evently.text import has_control_characters

FORMATS = ("JPEG", "PNG", "WEBP")
# bytes of a file, and pixels of a picture: a file of a few kilobytes may claim gigabytes of them
MAX_BYTES, MAX_PIXELS = 10 * 1024 * 1024, 50_000_000
# pixels; the size of a poster, the longer side of the large one, and what is too small to look at
SMALL, LARGE, LEAST = (640, 800), 1600, 320
QUALITY = 80
# JPEG knows nothing of transparency; this is the paper of posters.
PAPER = (251, 248, 241)
LONGEST_ALT = 200


@dataclass(frozen=True)
class Picture:
    """Checked and drawn anew; `digest` is that of the file it came in."""

    digest: str
    small: bytes
    large: bytes


def read_picture(file: bytes) -> Picture:
    """Raises Invalid, with the field `cover`, for what is no picture or too large a one."""
    if len(file) > MAX_BYTES:
        raise _refused(f"Choose a picture of at most {MAX_BYTES // 1024**2} MB.")
    try:
        image = _decode(file)
    # What Pillow raises for files that are broken, or made to break it.
    except (OSError, ValueError, SyntaxError, EOFError, struct.error, MemoryError, Image.DecompressionBombError) as error:
        raise _refused("This is no picture that can be read. Choose a JPEG, PNG or WebP file.") from error
    small = ImageOps.fit(image, SMALL, Image.Resampling.LANCZOS)
    image.thumbnail((LARGE, LARGE), Image.Resampling.LANCZOS)
    return Picture(hashlib.sha256(file).hexdigest(), _jpeg(small), _jpeg(image))


def set_cover(*, by: User, event_id: uuid.UUID, picture: Picture | None, alt: str) -> Event:
    """Show this picture, or the same one as before; `alt` is the picture in words.

    Raises NotFound, NotAllowed, Invalid for words that are too long.
    """
    alt = " ".join(alt.split())
    if len(alt) > LONGEST_ALT or has_control_characters(alt):
        raise Invalid("Please correct the marked fields.", fields={"cover_alt": [f"Use at most {LONGEST_ALT} characters."]})
    with transaction() as session:
        event = get_managed_event(by=by, event_id=event_id)
        if picture and session.get(Cover, picture.digest) is None:
            session.add(Cover(digest=picture.digest, small=picture.small, large=picture.large))
        _show(event, picture.digest if picture else event.cover_digest, alt)
    return event


def remove_cover(*, by: User, event_id: uuid.UUID) -> Event:
    """The poster again. Raises NotFound, NotAllowed."""
    with transaction():
        event = get_managed_event(by=by, event_id=event_id)
        _show(event, None, "")
    return event


def get_cover(digest: str, size: str) -> bytes:
    """The JPEG file, `size` being small or large. Raises NotFound."""
    is_digest = re.fullmatch("[0-9a-f]{64}", digest)
    column = {"small": Cover.small, "large": Cover.large}.get(size)
    found = db.session.scalar(select(column).where(Cover.digest == digest)) if is_digest and column is not None else None
    if found is None:
        raise NotFound("There is no such picture.")
    return found


def _decode(file: bytes) -> Image.Image:
    """Upright, without transparency, and small enough. What the file claims is judged before a pixel is decoded."""
    image: Image.Image = Image.open(io.BytesIO(file), formats=FORMATS)
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise _refused(f"Choose a picture of at most {MAX_PIXELS // 1_000_000} million pixels.")
    if min(width, height) < LEAST:
        raise _refused(f"Choose a picture of at least {LEAST} pixels on each side.")
    # A JPEG can be decoded at a half or a quarter of its size, at that much less memory and time.
    image.draft("RGB", (2 * LARGE, 2 * LARGE))
    image = ImageOps.exif_transpose(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, PAPER)
        paper.alpha_composite(image)
        image = paper
    return image.convert("RGB")


def _jpeg(image: Image.Image) -> bytes:
    # A new image has no memory of the file: no EXIF, no profile, no comment.
    clean = Image.new("RGB", image.size)
    clean.paste(image)
    written = io.BytesIO()
    clean.save(written, "JPEG", quality=QUALITY, optimize=True, progressive=True)
    return written.getvalue()


def _show(event: Event, digest: str | None, alt: str) -> None:
    """The picture before goes away with the last event that shows it."""
    before = event.cover_digest
    event.cover_digest, event.cover_alt = digest, alt if digest else ""
    db.session.flush()
    is_shown = select(Event.id).where(Event.cover_digest == before).exists()
    db.session.execute(delete(Cover).where(Cover.digest == before, ~is_shown))


def _refused(message: str) -> Invalid:
    return Invalid("Please correct the marked fields.", fields={"cover": [message]})
