"""At the door: scanning, looking people up, taking it back, and a list for when the network is away."""

import hashlib
import uuid
from collections.abc import Mapping
from typing import Any

from flask import Response, request, stream_template

from evently.bookings import check_in_stats, check_in_window, check_ins
from evently.bookings.check_ins import ScanResult
from evently.dashboard import blueprint
from evently.dashboard.exports import send_written
from evently.errors import NotFound
from evently.events.models import Event
from evently.events.policies import can_manage_event
from evently.events.queries import get_managed_event
from evently.http.htmx import render, wants_fragment
from evently.http.login import signed_in_user
from evently.http.query_params import text

MAX_GATE_LENGTH, LONGEST_CODE = 40, 300


@blueprint.get("/events/<uuid:event_id>/check-in")
def check_in(event_id: uuid.UUID) -> Response:
    user = signed_in_user()
    event = get_managed_event(by=user, event_id=event_id)
    words = text(request.args.get("q", ""))
    matches = check_in_stats.search(by=user, event_id=event_id, words=words) if words else None
    return _page(event, "dashboard/_checkin_results.html", words=words, matches=matches, gate=_gate(request.args))


@blueprint.post("/events/<uuid:event_id>/check-in")
def scan(event_id: uuid.UUID) -> Response:
    """A code, or a seat that a list named; the response shows the outcome.

    What was shown while the door is closed is sent again as `anyway` by whoever lets it in nevertheless.
    """
    user = signed_in_user()
    code, gate = text(request.form.get("code", ""), LONGEST_CODE), _gate(request.form)
    anyway = request.form.get("anyway", "")
    if named := anyway or request.form.get("ticket", ""):
        booking_id, seat = _named(named)
        seats = None if seat is None else [seat]
        result = check_ins.check_in_seats(by=user, event_id=event_id, booking_id=booking_id, seats=seats, gate=gate, anyway=bool(anyway))
    else:
        result = check_ins.check_in(by=user, event_id=event_id, code=code, gate=gate)
    event = get_managed_event(by=user, event_id=event_id)
    return _page(event, "dashboard/_scan_result.html", result=result, said=code, gate=gate, knows=_knows(result))


@blueprint.post("/events/<uuid:event_id>/check-in/undo")
def undo_check_in(event_id: uuid.UUID) -> Response:
    user = signed_in_user()
    booking_id, seat = _named(request.form.get("ticket", ""))
    booking = check_ins.undo_check_in(by=user, event_id=event_id, booking_id=booking_id, seat=seat or 0)
    event = get_managed_event(by=user, event_id=event_id)
    return _page(event, "dashboard/_scan_result.html", undone=(booking, seat), gate=_gate(request.form))


@blueprint.get("/events/<uuid:event_id>/check-in/turnout")
def show_turnout(event_id: uuid.UUID) -> Response:
    """The counters and the latest scans, which other doors move too; 204 while they are as they were seen."""
    event = get_managed_event(by=signed_in_user(), event_id=event_id)
    known = _door(event)
    if request.args.get("seen") == known["mark"]:
        return Response(status=204)
    return render("dashboard/_checkin_stats.html", event=event, is_polled=True, **known)


@blueprint.get("/events/<uuid:event_id>/check-in/list")
def print_door_list(event_id: uuid.UUID) -> Response:
    """Everybody with a ticket, on paper; a few in memory at a time."""
    event = get_managed_event(by=signed_in_user(), event_id=event_id)
    count = check_in_stats.count_check_in_stats(event)
    parts = stream_template("dashboard/check_in_list.html", event=event, count=count, guests=check_in_stats.iterate_door_list(event))
    return send_written((part.encode() for part in parts), "text/html; charset=utf-8")


def _page(event: Event, fragment: str, **context: Any) -> Response:
    known: dict[str, Any] = {"result": None, "undone": None, "matches": None, "words": "", **context}
    is_fragment = wants_fragment()
    # A fragment adds what it changed to the lines that are shown, and the next look at all doors brings them all.
    known |= {"count": check_in_stats.count_check_in_stats(event), "mark": ""} if is_fragment else _door(event)
    known |= {"opens_at": check_in_window.opens_at(event), "is_early": check_in_window.is_early(event)}
    response = render("dashboard/check_in.html", fragment, event=event, is_fragment=is_fragment, **known)
    if request.method == "POST":
        # What was found by name shows who is missing.
        response.headers["HX-Trigger"] = "door-changed"
    return response


def _door(event: Event) -> dict[str, Any]:
    count, latest = check_in_stats.count_check_in_stats(event), check_in_stats.list_recent(event)
    seen = f"{count} {[(line.booking.seq, line.admission.seat) for line in latest]}"
    return {"count": count, "latest": latest, "mark": hashlib.sha256(seen.encode()).hexdigest()[:12]}


def _gate(said: Mapping[str, str]) -> str:
    return text(said.get("gate", ""), MAX_GATE_LENGTH)


def _knows(result: ScanResult) -> bool:
    """Whether this door may see who holds it: people of another organizer's event are nobody's business here."""
    return result.booking is not None and can_manage_event(signed_in_user(), result.booking.event)


def _named(ticket: str) -> tuple[uuid.UUID, int | None]:
    """The booking and the seat that a button names, such as `6f1c…:2`; no seat for all of them. Raises NotFound."""
    booking_id, _, seat = ticket.partition(":")
    try:
        return uuid.UUID(booking_id), int(seat[:9]) if seat else None
    except ValueError:
        raise NotFound("There is no such ticket.") from None
