"""Events, for those who manage them."""

import contextlib
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, cast

from evently.accounts.policies import require_organizer
from evently.api.auth import caller
from evently.api.endpoint import endpoint
from evently.api.pagination import days, present_page
from evently.api.presenters import Presenter
from evently.api.response_cache import Kept
from evently.api.schemas.base import page_of
from evently.api.schemas.events import (
    Announced,
    Announcement,
    Cancellation,
    CancelledEvent,
    DeletedEvent,
    Delivery,
    EventChanges,
    ManagedEvent,
    ManagedEventDetails,
    ManagedEventSearch,
    NewEvent,
    SavedEvent,
)
from evently.bookings.queries import count_confirmed_bookings
from evently.errors import Invalid
from evently.events import queries, services
from evently.events.cache_tags import EVENTS
from evently.events.filters import EventFilters
from evently.events.models import Event
from evently.events.validation import EventFields
from evently.http.idempotency import claimed_id
from evently.notifications.audiences import CHOSEN
from evently.notifications.messages import send_message
from evently.notifications.queries import get_delivery, summarize_recipients
from evently.tagged_cache import SHORT_TTL


@contextlib.contextmanager
def rename_error_fields(names: Mapping[str, str]) -> Iterator[None]:
    """What a service refuses, by the names of the request instead of its own."""
    try:
        yield
    except Invalid as refusal:
        fields = {names.get(name, name): problems for name, problems in refusal.fields.items()}
        raise Invalid(refusal.message, fields=fields) from refusal


@endpoint("POST", "/admin/events/", body=NewEvent, answer=SavedEvent, status=201, refuses=("not_an_organizer",))
def create_event(body: dict[str, Any]) -> Event:
    """Create an event, published at once unless `status` says draft; for organizers and staff."""
    return services.create_event(by=caller(), fields=cast("EventFields", body), event_id=claimed_id())


@endpoint(
    "PUT",
    "/admin/events/<uuid:event_id>/",
    body=EventChanges,
    answer=SavedEvent,
    refuses=("not_your_event", "not_found", "below_sold", "event_cancelled", "email_limit"),
)
def update_event(body: dict[str, Any], event_id: uuid.UUID) -> Event:
    """Change what is sent and leave the rest; for its organizer and staff."""
    return services.update_event(by=caller(), event_id=event_id, fields=cast("EventFields", body))


@endpoint(
    "POST",
    "/admin/events/<uuid:event_id>/cancellation/",
    body=Cancellation,
    answer=CancelledEvent,
    refuses=("not_your_event", "not_found", "event_cancelled", "event_is_draft", "event_started", "email_limit"),
)
def cancel_event(body: dict[str, Any], event_id: uuid.UUID) -> Event:
    """Call it off for good, with every booking; each of its people is told once. For its organizer and staff."""
    with rename_error_fields({"cancellation_note": "message"}):
        return services.cancel_event(by=caller(), event_id=event_id, words=body["message"])


@endpoint(
    "DELETE", "/admin/events/<uuid:event_id>/delete/", answer=DeletedEvent, refuses=("not_your_event", "not_found", "has_live_bookings")
)
def delete_event(event_id: uuid.UUID) -> Event:
    """Put it away for good, once nobody holds or waits for its tickets; for its organizer and staff. What happened is kept."""
    return services.delete_event(by=caller(), event_id=event_id)


@endpoint(
    "POST",
    "/admin/events/<uuid:event_id>/notify/",
    body=Announcement,
    answer=Announced,
    refuses=("not_your_event", "not_found", "email_limit"),
)
def notify_attendees(body: dict[str, Any], event_id: uuid.UUID) -> Presenter:
    """Write to everybody with a confirmed booking, or to the people of some, one mail per person; for its organizer and staff."""
    words = {"subject": body["subject"], "body": body["message"]}
    chosen = body.get("booking_ids", [])
    whom: dict[str, Any] = {"audience": CHOSEN if chosen else "confirmed", "booking_ids": chosen}
    with rename_error_fields({"body": "message"}):
        message = send_message(by=caller(), event_id=event_id, message_id=claimed_id(), **whom, **words)
    told = summarize_recipients(message)
    users = len(told.mail_ids)
    return Presenter(told, users_notified=users, message=f"{users} {'mail is' if users == 1 else 'mails are'} on the way.")


@endpoint("GET", "/admin/mails/<uuid:mail_id>/", answer=Delivery, refuses=("not_your_event", "not_found"))
def show_mail(mail_id: uuid.UUID) -> Presenter:
    """What became of one of the `email_tasks_queued`; for the event's organizer and staff."""
    return Presenter(get_delivery(by=caller(), mail_id=mail_id), mail_id=mail_id)


@endpoint(
    "GET",
    "/admin/events/list/",
    query=ManagedEventSearch,
    answer=page_of(ManagedEvent),
    refuses=("not_an_organizer", "no_such_page"),
    kept=Kept(SHORT_TTL, lambda: (EVENTS,), is_personal=True),
)
def list_managed_events(query: dict[str, Any]) -> dict[str, Any]:
    """Every event for staff, their own for organizers."""
    by = caller()
    require_organizer(by)
    filters = EventFilters(
        search=query["search"],
        searches_descriptions=False,
        venue=query["venue"],
        is_active=query.get("is_active"),
        is_upcoming={"upcoming": True, "past": False}.get(query.get("status", "")),
        ordering=query["ordering"],
        **days(query),
    )
    return present_page(queries.describe_managed_events(by=by, filters=filters, page=query["page"], size=query["page_size"]))


@endpoint("GET", "/admin/events/<uuid:event_id>/details/", answer=ManagedEventDetails, refuses=("not_your_event", "not_found"))
def show_managed_event(event_id: uuid.UUID) -> Presenter:
    """One event with how it sells; for its organizer and staff."""
    event = queries.get_managed_event(by=caller(), event_id=event_id)
    return Presenter(event, total_bookings=count_confirmed_bookings(event_id))
