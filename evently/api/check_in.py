"""Letting tickets in, for scanners of one's own."""

import uuid
from typing import Any

from evently.api.auth import caller
from evently.api.endpoint import endpoint
from evently.api.schemas.check_in import CheckedIn, CheckIn, Turnout, UndoneCheckIn
from evently.bookings import check_in_stats, check_in_window, check_ins
from evently.bookings.check_ins import ScanOutcome, ScanResult
from evently.events.policies import can_manage_event


@endpoint("POST", "/admin/events/<uuid:event_id>/check-in/", body=CheckIn, answer=CheckedIn, refuses=("not_your_event", "not_found"))
def check_in(body: dict[str, Any], event_id: uuid.UUID) -> dict[str, Any]:
    """Let a ticket in, or hear why not: each seat comes in once, whatever the number of doors. For its organizer and staff."""
    by, how = caller(), {"gate": body["gate"], "anyway": body["anyway"]}
    if "code" in body:
        answer = check_ins.check_in(by=by, event_id=event_id, code=body["code"], **how)
    else:
        seats = [body["seat"]] if "seat" in body else None
        answer = check_ins.check_in_seats(by=by, event_id=event_id, booking_id=body["booking_id"], seats=seats, **how)
    return _about(answer) | {"turnout": check_in_stats.get_check_in_stats(by=by, event_id=event_id)}


@endpoint(
    "DELETE",
    "/admin/events/<uuid:event_id>/check-in/<uuid:booking_id>/<int(max=2147483647):seat>/",
    answer=UndoneCheckIn,
    refuses=("not_your_event", "not_found"),
)
def undo_check_in(event_id: uuid.UUID, booking_id: uuid.UUID, seat: int) -> dict[str, Any]:
    """As if this seat had not come in. For its organizer and staff."""
    check_ins.undo_check_in(by=caller(), event_id=event_id, booking_id=booking_id, seat=seat)
    return {"booking_id": booking_id, "seat": seat, "status": "undone"}


@endpoint("GET", "/admin/events/<uuid:event_id>/check-in/", answer=Turnout, refuses=("not_your_event", "not_found"))
def show_turnout(event_id: uuid.UUID) -> check_in_stats.CheckInStats:
    """How many have come, counted now. For its organizer and staff."""
    return check_in_stats.get_check_in_stats(by=caller(), event_id=event_id)


def _about(answer: ScanResult) -> dict[str, Any]:
    booking, row = answer.booking, next(iter(answer.admissions), None)
    is_known = booking is not None and can_manage_event(caller(), booking.event)
    return {
        "verdict": answer.verdict,
        "event": booking and booking.event,
        "booking_id": booking.id if booking and is_known else None,
        "holder": booking.contact.name if booking and is_known else None,
        "seats": answer.seats,
        "door_opens_at": check_in_window.opens_at(booking.event) if booking and answer.verdict == ScanOutcome.TOO_EARLY else None,
        "admitted_at": row and row.admitted_at,
        "gate": row and row.gate,
        "admitted_by": row.admitted_by.username if row and row.admitted_by else None,
    }
