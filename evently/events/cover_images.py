"""A picture of an event in place of its poster.

An uploaded image is decoded and encoded again (`image_worker.py`): nothing of the file itself, neither metadata of a
camera nor hidden content, is ever served.
"""

import datetime as dt
import hashlib
import os
import re
import uuid
from dataclasses import dataclass
from typing import BinaryIO

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from evently.accounts.models import User
from evently.audit.services import differences
from evently.database import single_statement, transaction, utc_now
from evently.errors import Invalid, NotFound
from evently.events.audit import record_update
from evently.events.image_worker import RefusedImage, process
from evently.events.models import Cover, Event
from evently.events.queries import get_managed_event
from evently.extensions import db
from evently.text import has_control_characters

# bytes of an uploaded file
MAX_BYTES = 10 * 1024 * 1024
MAX_ALT_LENGTH = 200
# How long a picture waits for the event that is to show it.
ORPHAN_TTL = dt.timedelta(days=1)


@dataclass(frozen=True)
class Picture:
    """Checked and encoded again; `digest` is that of the uploaded file."""

    digest: str
    small: bytes
    large: bytes


def read_picture(file: BinaryIO) -> Picture:
    """Raises Invalid, with the field `cover`, for a file that is no image or too large; Busy while others are processed."""
    if file.seek(0, os.SEEK_END) > MAX_BYTES:
        raise _image_error(f"Choose a picture of at most {MAX_BYTES // 1024**2} MB.")
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type] # every file has readinto
    file.seek(0)
    try:
        small, large = process(file)
    except RefusedImage as refusal:
        raise _image_error(str(refusal)) from refusal
    return Picture(digest, small, large)


def _image_error(message: str) -> Invalid:
    return Invalid("Please correct the marked fields.", fields={"cover": [message]})


def store_picture(picture: Picture) -> str:
    """Keep a picture until the form that it came with is sent again; its digest."""
    with transaction() as session:
        _add(session, picture)
    return picture.digest


def is_stored(digest: str) -> bool:
    """Whether there is such a picture."""
    return db.session.get(Cover, digest) is not None


def delete_orphans() -> int:
    """Forget pictures that no event came to show; how many."""
    is_shown = select(Event.id).where(Event.cover_digest == Cover.digest).exists()
    with single_statement() as connection:
        return connection.execute(delete(Cover).where(Cover.created_at < utc_now() - ORPHAN_TTL, ~is_shown)).rowcount


def set_cover(*, by: User, event_id: uuid.UUID, picture: Picture | None, alt: str, kept: str = "") -> Event:
    """Show this picture, or the one that was `kept`, or the same one as before; `alt` is the picture in words.

    Raises NotFound, NotAllowed, Invalid for words that are too long.
    """
    alt = " ".join(alt.split())
    if len(alt) > MAX_ALT_LENGTH or has_control_characters(alt):
        raise Invalid("Please correct the marked fields.", fields={"cover_alt": [f"Use at most {MAX_ALT_LENGTH} characters."]})
    with transaction() as session:
        event = get_managed_event(by=by, event_id=event_id)
        if picture:
            _add(session, picture)
        digest = picture.digest if picture else kept if is_stored(kept) else event.cover_digest
        _show(event, digest, alt, by)
    return event


def remove_cover(*, by: User, event_id: uuid.UUID) -> Event:
    """The poster again. Raises NotFound, NotAllowed."""
    with transaction():
        event = get_managed_event(by=by, event_id=event_id)
        _show(event, None, "", by)
    return event


def get_cover(digest: str, size: str) -> bytes:
    """The JPEG file, `size` being small or large. Raises NotFound."""
    is_digest = re.fullmatch("[0-9a-f]{64}", digest)
    column = {"small": Cover.small, "large": Cover.large}.get(size)
    found = db.session.scalar(select(column).where(Cover.digest == digest)) if is_digest and column is not None else None
    if found is None:
        raise NotFound("There is no such picture.")
    return found


def _add(session: Session, picture: Picture) -> None:
    if session.get(Cover, picture.digest) is None:
        session.add(Cover(digest=picture.digest, small=picture.small, large=picture.large))


def _show(event: Event, digest: str | None, alt: str, by: User) -> None:
    """The picture before goes away with the last event that shows it."""
    before, alt = event.cover_digest, alt if digest else ""
    stored = {"cover_digest": before, "cover_alt": event.cover_alt}
    if changes := differences(stored, {"cover_digest": digest, "cover_alt": alt}):
        record_update("updated", event, by_id=by.id, changes=changes)
    event.cover_digest, event.cover_alt = digest, alt
    db.session.flush()
    is_shown = select(Event.id).where(Event.cover_digest == before).exists()
    db.session.execute(delete(Cover).where(Cover.digest == before, ~is_shown))
