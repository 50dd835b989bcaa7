"""The words of a mail, made from its row whenever it is sent or looked at.

`emails/<kind>.txt` holds the text and sets the words that `emails/<kind>.html` shows too: `subject`, `title`, `lead` and
the like. No request is needed: links begin with SITE_URL.
"""

import datetime as dt
import hashlib
import re
import uuid
from dataclasses import astuple, dataclass
from functools import lru_cache, partial
from typing import Any
from urllib.parse import urlsplit

from flask import current_app
from sqlalchemy import select
from werkzeug.routing import Map, MapAdapter

from evently.accounts.display_names import greeting_name, has_link, public_name
from evently.accounts.models import User
from evently.accounts.queries import find_confirmed_user
from evently.accounts.signed_links import CONFIRM_ADDRESS as CONFIRM_LINK
from evently.accounts.signed_links import CONFIRM_EMAIL_CHANGE as CONFIRM_EMAIL_CHANGE_LINK
from evently.accounts.signed_links import RESET_PASSWORD as RESET_LINK
from evently.accounts.signed_links import UNDO_EMAIL_CHANGE, SignedLink
from evently.bookings.models import CONFIRMED, Booking
from evently.bookings.tickets import tickets_of
from evently.events.cache_tags import EVENTS
from evently.events.filters import EventFilters
from evently.events.models import Event
from evently.events.posters import PALETTES, PAPER
from evently.events.queries import list_public_events
from evently.extensions import db
from evently.notifications.models import ABOUT_BOOKINGS, CONFIRM_ADDRESS, CONFIRM_EMAIL_CHANGE, EVENT_CANCELLED, RESET_PASSWORD, Mail
from evently.notifications.subscriptions import token_of
from evently.tagged_cache import LISTS, get_or_set

# Which corner of its square a quarter of a disc fills.
CORNER_SETTINGS = ("{0}px 0 0 0", "0 {0}px 0 0", "0 0 {0}px 0", "0 0 0 {0}px")
# Other events that are named to whom one failed.
OTHERS = 3
# What every signed link ends with, whatever it is for: values, and an HMAC-SHA256 in base64.
SIGNED, REDACTED = re.compile(r"[\w.-]+\.[\w-]{43}(?![\w-])"), "redacted"
TILE_ROWS, TILE_COLUMNS, TILE_SIDE = 2, 4, 58


@dataclass(frozen=True)
class RenderedMail:
    subject: str
    text: str
    html: str


@dataclass(frozen=True)
class PosterHeader:
    """The head of a mail in the event's inks, out of table cells: mail programs draw no SVG."""

    ground: str
    paper: str
    side: int
    # rows of (colour, border-radius)
    tiles: list[list[tuple[str, str]]]


def render_mail(mail: Mail, *, as_requested: bool = False, shows_secrets: bool = True) -> RenderedMail:
    """Subject, text and HTML. What the mail is about is as the database has it now.

    A request to confirm an address that another account owns tells its owner so. With `as_requested` it looks as if
    no account owned the address: the user who caused the mail may see that, and not whether there is such an account.
    Without `shows_secrets` signed links lead nowhere: it is for other people than the recipient to look at.
    """
    event = mail.event or (mail.booking.event if mail.booking else None)
    template = "account_exists" if not as_requested and _is_of_another_account(mail) else mail.kind
    context, templates = _context(mail, event), current_app.jinja_env
    text = templates.get_template(f"emails/{template}.txt").make_module(context)
    words: dict[str, Any] = {name: value for name, value in vars(text).items() if isinstance(value, str | list)}
    html = templates.get_template(f"emails/{template}.html").render(
        context | words | {"head": poster_header(event.id, event.category) if event else None},
    )
    rendered = RenderedMail(subject=words["subject"], text=_normalize(str(text)), html=html)
    return rendered if shows_secrets else RenderedMail(*(SIGNED.sub(REDACTED, part) for part in astuple(rendered)))


def _context(mail: Mail, event: Event | None) -> dict[str, Any]:
    return {
        **mail.context,
        "mail": mail,
        "booking": mail.booking,
        "tickets": tickets_of(mail.booking) if mail.booking else [],
        "event": event,
        "user": mail.user,
        "greeting": _greeting(mail),
        "username": mail.user.username if mail.user and mail.is_to_owner and not has_link(mail.user.username) else "",
        "organizer": public_name(event.organizer) if event else "",
        "said": _words(mail),
        "before": _before(mail),
        "added_by": _added_by(mail),
        # Looked for only where a template asks.
        "find_their_bookings": partial(_their_bookings, mail),
        "what_else_is_on": partial(_what_else_is_on, event) if event else list,
        "unsubscribe_link": external_url("web.unsubscribe", token=token) if (token := token_of(mail)) else "",
        "link": external_url,
        "confirm_link": _render_for_check(mail, "web.confirm_address", CONFIRM_LINK) if mail.user and _can_confirm(mail.user) else "",
        **_change_links(mail),
        "reset_link": _render_for_check(mail, "web.reset_password", RESET_LINK) if mail.kind == RESET_PASSWORD else "",
        "site_url": current_app.config["SITE_URL"],
    }


def _is_of_another_account(mail: Mail) -> bool:
    if mail.kind not in {CONFIRM_ADDRESS, CONFIRM_EMAIL_CHANGE}:
        return False
    owner = find_confirmed_user(mail.to_address)
    return owner is not None and owner.id != mail.user_id


def _change_links(mail: Mail) -> dict[str, str]:
    """To confirm a change of address, and to undo it."""
    change_id = mail.context.get("change_id")
    if change_id is None:
        return {"confirm_change_link": "", "undo_link": ""}
    confirm = CONFIRM_EMAIL_CHANGE_LINK.token(change_id=change_id, written_at=mail.created_at)
    undo = UNDO_EMAIL_CHANGE.token(change_id=change_id, written_at=mail.created_at)
    return {
        "confirm_change_link": external_url("web.confirm_email_change", token=confirm) if mail.kind == CONFIRM_EMAIL_CHANGE else "",
        "undo_link": external_url("web.undo_email_change", token=undo) if mail.kind != CONFIRM_EMAIL_CHANGE else "",
    }


def _words(mail: Mail) -> dict[str, str]:
    """An organizer's: those of the message or about the cancelled event, or the mail's own where it is an example."""
    if mail.message:
        return {"subject": mail.message.subject, "body": mail.message.body}
    about = mail.event.cancellation_note if mail.event and mail.kind == EVENT_CANCELLED else ""
    return {"subject": mail.context.get("subject", ""), "body": mail.context.get("body", about)}


def _before(mail: Mail) -> dict[str, Any]:
    """What a change replaced, as the event had it."""
    before: dict[str, Any] = mail.context.get("before", {})
    return {name: dt.datetime.fromisoformat(value) if value and name in {"time", "ends_at"} else value for name, value in before.items()}


def _can_confirm(user: User) -> bool:
    """Who has no password yet confirms the address by choosing one."""
    return user.has_password and not user.email_confirmed_at


def _added_by(mail: Mail) -> str:
    """Who added the booking that this mail is about; empty where the attendee made it."""
    booking = mail.booking
    if booking is None or booking.added_by_id is None or mail.kind not in ABOUT_BOOKINGS:
        return ""
    if booking.added_by_id == booking.event.organizer_id:
        return public_name(booking.event.organizer) or "The organizer"
    return booking.added_by_name


def _their_bookings(mail: Mail) -> list[Booking]:
    """With which the reader comes to the event."""
    is_theirs = (Booking.user_id == mail.user_id, Booking.event_id == mail.event_id, Booking.status == CONFIRMED)
    return list(db.session.scalars(select(Booking).where(*is_theirs).order_by(Booking.seq)))


def _what_else_is_on(event: Event) -> list[dict[str, Any]]:
    """A few events like this one that have seats; in plain values, to be remembered."""

    def find() -> list[dict[str, Any]]:
        filters = EventFilters(category=event.category, is_active=True, is_upcoming=True, has_seats=True)
        others = [other for other in list_public_events(filters, size=OTHERS + 1).items if other.id != event.id]
        return [{name: getattr(other, name) for name in ("id", "name", "time", "timezone", "venue")} for other in others[:OTHERS]]

    return get_or_set(f"elsewhere:{event.id}", find, tags=(EVENTS,), seconds=LISTS)


def external_url(endpoint: str, **values: Any) -> str:
    """The full address of a page, as people know the site; a worker serves no request that would know it."""
    return _address(current_app.url_map, current_app.config["SITE_URL"], endpoint, **values)


# Words and HTML of a mail name the same few.
@lru_cache(maxsize=1024)
def _address(pages: Map, site_url: str, endpoint: str, **values: Any) -> str:
    return _addresses(pages, site_url).build(endpoint, values, force_external=True)


@lru_cache(maxsize=8)
def _addresses(pages: Map, site_url: str) -> MapAdapter:
    site = urlsplit(site_url)
    return pages.bind(site.netloc, script_name=site.path or "/", url_scheme=site.scheme)


def _render_for_check(mail: Mail, endpoint: str, purpose: SignedLink) -> str:
    """A link that proves its reader has the mailbox this mail goes to."""
    state = mail.context.get("state", "")
    token = purpose.token(user_id=mail.user_id or 0, address=mail.to_address, written_at=mail.created_at, state=state)
    return external_url(endpoint, token=token)


def _greeting(mail: Mail) -> str:
    """By name only if it is the recipient who typed it: a stranger may have used the address, or changed theirs to it."""
    name = mail.context.get("name") or (greeting_name(mail.user) if mail.user and mail.is_to_owner else "")
    return f"Hello {name}," if name else "Hello,"


@lru_cache(maxsize=64)
def poster_header(event_id: uuid.UUID, category: str) -> PosterHeader:
    """The same event, the same head, as with its poster."""
    key = hashlib.sha256(str(event_id).encode()).digest()
    light, deep = PALETTES.get(category, PALETTES["other"])

    def tile(index: int) -> tuple[str, str]:
        return (PAPER if key[17 + index] % 3 else light), CORNER_SETTINGS[key[5 + index] % 4].format(TILE_SIDE)

    rows = [[tile(row * TILE_COLUMNS + column) for column in range(TILE_COLUMNS)] for row in range(TILE_ROWS)]
    return PosterHeader(ground=deep, paper=PAPER, side=TILE_SIDE, tiles=rows)


def _normalize(text: str) -> str:
    """Without the empty lines that conditions in a template leave."""
    return re.sub(r"\n(?:[ \t]*\n){2,}", "\n\n", text).strip() + "\n"
