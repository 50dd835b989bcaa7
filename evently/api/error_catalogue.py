"""Every stable code of the API: the status it comes with and its sentence, an example where the sentence names numbers."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

ERRORS: dict[str, tuple[int, str]] = {
    "bad_json": (400, "The body is not valid JSON."),
    "not_authenticated": (401, "Send your token in the header Authorization: Token <token>."),
    "invalid_token": (401, "This token is not valid."),
    "wrong_credentials": (401, "That username and password do not match."),
    "not_an_organizer": (403, "Only organizers can do this."),
    "not_a_superuser": (403, "Only superusers can do this."),
    "not_your_event": (403, "This event belongs to another organizer."),
    "not_your_bookings": (403, "These bookings belong to somebody else."),
    "not_yourself": (403, "You can book only for yourself."),
    "not_found": (404, "There is no such event."),
    "no_such_page": (404, "There is no page 7; the last one is 3."),
    "timeout": (408, "Your data arrived too slowly. Please try again."),
    "already_admitted": (409, "Somebody has come in with this booking already."),
    "already_cancelled": (409, "This booking is already cancelled."),
    "below_sold": (409, "12 tickets are already sold; capacity cannot go below that."),
    "booking_failed": (409, "This booking was not confirmed, so there is nothing to cancel."),
    "booking_in_progress": (409, "Another booking of yours for this event is just being taken."),
    "event_cancelled": (409, "This event is cancelled."),
    "event_is_draft": (409, "Nobody knows of a draft, so it can be discarded, but not cancelled."),
    "event_not_available": (409, "This event was cancelled."),
    "event_started": (409, "This event has already started."),
    "has_live_bookings": (409, "3 bookings of this event are still live; cancel the event first."),
    "not_a_manual_booking": (409, "You made this booking yourself, so your contact details are shared already."),
    "not_enough_seats": (409, "Only 2 seats are left, you asked for 4."),
    "price_changed": (409, "The price changed from 10.00 to 12.50 EUR; nothing was booked."),
    "request_in_flight": (409, "The first request with this key is still being answered."),
    "sales_ended": (409, "Ticket sales have ended."),
    "sales_not_started": (409, "Tickets are not on sale yet."),
    "sold_out": (409, "This event is sold out."),
    "too_late_to_cancel": (409, "It is too late to cancel this booking."),
    "user_suspended": (409, "This account is suspended; nobody can book for it."),
    "too_large": (413, "That is too much to send at once."),
    "uri_too_long": (414, "This address is too long."),
    "unsupported_media_type": (415, "Send JSON, with the header Content-Type: application/json."),
    "bad_idempotency_key": (422, "An idempotency key has 1 to 255 characters."),
    "idempotency_key_reused": (422, "This idempotency key was used for another request."),
    "invalid": (422, "Some of the values are not valid."),
    "password_required": (422, "Send your password to change the e-mail address."),
    "over_user_limit": (422, "At most 4 per person. You already hold 2, so 2 more."),
    "too_expensive": (422, "One booking can cost at most 99,999,999.99. Choose fewer tickets."),
    "too_many_tickets": (422, "Choose 1 to 10 tickets."),
    "email_limit": (429, "Too many e-mails to this address in a short time. Try again in 40 minutes."),
    "too_many_requests": (429, "Too many requests. Try again in 35 seconds."),
    "busy": (503, "Too many requests are being received. Nothing was saved; try again in a moment."),
    "unavailable": (503, "We cannot look that up just now. Please try again in a moment."),
}
# What they name under `details.fields`, in the words of the request.
FIELDS = {
    "below_sold": "capacity",
    "over_user_limit": "number_of_tickets",
    "password_required": "current_password",
    "price_changed": "expected_price",
    "too_expensive": "number_of_tickets",
    "too_many_tickets": "number_of_tickets",
}
# Those that follow from what an address is.
COMMON_ERRORS = {"too_many_requests"}
LOOKUP_ERRORS = {"unavailable"}
AUTH_ERRORS = {"not_authenticated", "invalid_token"}
BODY_ERRORS = {"bad_json", "unsupported_media_type", "invalid"}
QUERY_ERRORS = {"invalid", "uri_too_long"}
WRITE_ERRORS = {"busy", "timeout", "too_large", "bad_idempotency_key", "idempotency_key_reused", "request_in_flight"}


def error_responses(codes: Iterable[str], field: str = "name") -> dict[int, dict[str, Any]]:
    """These refusals as OpenAPI describes answers, by status. `field` is an input that may be at fault."""
    described: dict[int, dict[str, Any]] = {}
    for code in sorted(codes):
        status, sentence = ERRORS[code]
        answer = described.setdefault(status, {"description": HTTPStatus(status).phrase, "content": {"application/json": {}}})
        content = answer["content"]["application/json"]
        content["schema"] = {"$ref": "#/components/schemas/Failure"}
        content.setdefault("examples", {})[code] = {"value": _example(code, sentence, field)}
    return described


def _example(code: str, sentence: str, field: str) -> Mapping[str, Any]:
    details: dict[str, Any] = {"code": code}
    if code == "invalid":
        details["fields"] = {field: ["This is needed."]}
    elif code in FIELDS:
        details["fields"] = {FIELDS[code]: [sentence]}
    return {"error": sentence, "details": details}
