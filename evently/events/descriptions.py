"""Descriptions are Markdown. They are rendered when an event is saved, and pages show the stored HTML.

The HTML is stored with a digest of what it was rendered from, since the release before this one writes descriptions without it.
"""

import hashlib
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from sqlalchemy import Table, bindparam, select, update

from evently.database import transaction
from evently.events import markdown
from evently.events.models import Event
from evently.extensions import db

# Part of each digest: change it when `markdown.render` renders the same text in another way.
RENDERING = "1"
BATCH = 100
_EVENTS: Table = Event.__table__  # type: ignore[assignment]


@dataclass(frozen=True)
class Rendered:
    """A description as it is stored. With a `problem`, which is a message for its author, the HTML has no formatting."""

    html: Markup
    digest: str
    problem: str = ""

    def columns(self) -> dict[str, str]:
        return {"description_html": str(self.html), "description_digest": self.digest}


def render(description: str) -> Rendered:
    try:
        return Rendered(markdown.render(description), _digest(description))
    except markdown.TooComplex as error:
        return Rendered(markdown.render_plain(description), _digest(description), str(error))


def description_html(event: Event) -> Markup:
    """The stored HTML. Where there is none for this text yet, the text without formatting."""
    if is_rendered(event):
        return Markup(event.description_html)  # noqa: S704 - it came from markdown.render
    return markdown.render_plain(event.description)


def is_rendered(event: Event) -> bool:
    return not event.description or event.description_digest == _digest(event.description)


def render_stored(event_id: uuid.UUID) -> None:
    """Render the description of one event anew, where that is needed."""
    event = db.session.get(Event, event_id, populate_existing=True)
    if event and not is_rendered(event):
        _store([(event.id, event.description)])


def render_missing(*, seconds: float = 5.0) -> bool:
    """Render descriptions that were never rendered, for so many seconds; whether some may be left."""
    deadline = time.monotonic() + seconds
    query = select(_EVENTS.c.id, _EVENTS.c.description).where(_EVENTS.c.description_digest == "", _EVENTS.c.description != "")
    while found := [(row.id, row.description) for row in db.session.connection().execute(query.limit(BATCH))]:
        _store(found)
        if time.monotonic() > deadline:
            return True
    return False


def _store(descriptions: Sequence[tuple[uuid.UUID, str]]) -> None:
    statement = (
        update(_EVENTS)
        .where(_EVENTS.c.id == bindparam("event_id"), _EVENTS.c.description == bindparam("source"))
        # As it was: nothing changed that editors or browsers have to know of.
        .values(updated_at=_EVENTS.c.updated_at, description_html=bindparam("html"), description_digest=bindparam("digest"))
    )
    rows: list[Mapping[str, Any]] = []
    for event_id, description in descriptions:
        rendered = render(description)
        rows.append({"event_id": event_id, "source": description, "html": str(rendered.html), "digest": rendered.digest})
    with transaction() as session:
        session.connection().execute(statement, rows)


def _digest(description: str) -> str:
    return hashlib.sha256(f"{RENDERING}\n{description}".encode()).hexdigest()
