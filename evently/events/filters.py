"""What to look for among events, and in which order, as conditions of a query."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from evently.database import utc_now
from evently.events.models import DRAFT, PUBLISHED, Event, TicketStock
from evently.events.search import matches

# Each the beginning of an index, which goes on with the id.
ORDERINGS = {
    "time": (Event.time,),
    "created_at": (Event.created_at,),
    "price_per_ticket": (Event.price_per_ticket, Event.time),
    "capacity": (Event.capacity,),
}
# A draft, and an event that nobody has booked, are worth a word when they start within this time.
SOON = dt.timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class EventFilters:
    """What to look for; every field narrows, None does not. `date_to` is exclusive."""

    search: str = ""
    searches_descriptions: bool = True
    venue: str = ""
    category: str = ""
    date_from: dt.datetime | None = None
    date_to: dt.datetime | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    is_active: bool | None = None
    is_upcoming: bool | None = None
    has_seats: bool = False
    # one of STATUSES
    status: str = ""
    # only what its organizer should look at: drafts near their date, nearly full, not on sale yet, not sold at all
    needs_attention: bool = False
    # a key of ORDERINGS, with a leading "-" from the other end
    ordering: str = "time"


def filtered(query: Select[Event], filters: EventFilters) -> Select[Event]:
    for clause in (*_text_clauses(filters), *_range_clauses(filters), *_state_clauses(filters)):
        query = query.where(clause)
    columns = (*ORDERINGS[filters.ordering.removeprefix("-")], Event.id)
    return query.order_by(*(column.desc() for column in columns) if filters.ordering.startswith("-") else columns)


def _text_clauses(filters: EventFilters) -> list[ColumnElement[bool]]:
    clauses: list[ColumnElement[bool]] = []
    if filters.search:
        clauses.append(matches(filters.search, ("name", "venue", *(("description",) if filters.searches_descriptions else ()))))
    if filters.venue:
        clauses.append(matches(filters.venue, ("venue",)))
    if filters.category:
        clauses.append(Event.category == filters.category)
    return clauses


def _range_clauses(filters: EventFilters) -> list[ColumnElement[bool]]:
    bounds = (
        (filters.date_from, Event.time.__ge__),
        (filters.date_to, Event.time.__lt__),
        (filters.min_price, Event.price_per_ticket.__ge__),
        (filters.max_price, Event.price_per_ticket.__le__),
    )
    return [compare(bound) for bound, compare in bounds if bound is not None]


def _state_clauses(filters: EventFilters) -> list[ColumnElement[bool]]:
    clauses: list[ColumnElement[bool]] = []
    if filters.is_active is not None:
        clauses.append(Event.status == PUBLISHED if filters.is_active else Event.status != PUBLISHED)
    if filters.is_upcoming is not None:
        clauses.append(Event.time > utc_now() if filters.is_upcoming else Event.time <= utc_now())
    if filters.has_seats:
        has_stock = select(TicketStock.event_id).where(TicketStock.event_id == Event.id, TicketStock.reserved < TicketStock.capacity)
        clauses.append(has_stock.exists())
    if filters.status:
        clauses.append(Event.status == filters.status)
    if filters.needs_attention:
        clauses.append(_needs_attention())
    return clauses


def _needs_attention() -> ColumnElement[bool]:
    now = utc_now()
    taken = select(func.coalesce(func.sum(TicketStock.reserved), 0)).where(TicketStock.event_id == Event.id).scalar_subquery()
    is_nearly_full = taken * 10 >= Event.capacity * 9
    is_near = Event.time < now + SOON
    is_unsold = and_(taken == 0, is_near)
    is_for_sale = and_(Event.status == PUBLISHED, or_(Event.sales_end.is_(None), Event.sales_end > now))
    return and_(
        Event.time > now,
        or_(and_(Event.status == DRAFT, is_near), and_(is_for_sale, or_(Event.sales_start > now, is_nearly_full, is_unsold))),
    )
