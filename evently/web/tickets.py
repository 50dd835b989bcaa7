"""Tickets to show at the door: one alone, all of a booking for the printer, and the key that doors check them with."""

import io
import uuid

from flask import Response, current_app, make_response, redirect, request, url_for
from markupsafe import Markup

from evently.bookings import tickets
from evently.bookings.ticket_codes import public_key_pem
from evently.http.htmx import render
from evently.http.login import signed_in_user
from evently.http.pagination import page_number
from evently.web import blueprint

# On one printable page; more than anybody but a crowd books at once.
PRINTED = 50


@blueprint.get("/tickets/<code>")
def show_ticket(code: str) -> Response:
    ticket = tickets.get_ticket(by=signed_in_user(), code=code)
    if code != ticket.name:
        # However somebody wrote it: a page has one address.
        return make_response(redirect(url_for("web.show_ticket", code=ticket.name)))
    return render("tickets/ticket.html", ticket=ticket, seats=tickets.tickets_of(ticket.booking), qr_code=qr_code)


@blueprint.get("/bookings/<uuid:booking_id>/tickets")
def list_tickets(booking_id: uuid.UUID) -> Response:
    every = tickets.list_tickets(by=signed_in_user(), booking_id=booking_id)
    if not every:
        return make_response(redirect(url_for("web.show_booking", booking_id=booking_id)))
    page = min(page_number(request.args), -(-len(every) // PRINTED))
    shown = every[(page - 1) * PRINTED : page * PRINTED]
    return render("tickets/index.html", every=every, shown=shown, page=page, printed=PRINTED, qr_code=qr_code)


@blueprint.get("/tickets/public-key.pem")
def ticket_key() -> Response:
    """For doors without network: whoever has it can check tickets, and make none."""
    response = make_response(public_key_pem(), {"Content-Type": "application/x-pem-file"})
    response.cache_control.public, response.cache_control.max_age = True, 3600
    return response


@blueprint.get("/tickets/offline.js")
def ticket_keeper() -> Response:
    """The worker that keeps tickets on the phone. Here, because a worker rules over the addresses below its own."""
    response = current_app.send_static_file("offline.js")
    response.cache_control.no_cache = True
    return response


def qr_code(ticket: tickets.Ticket) -> Markup:
    """An SVG with the quiet zone that scanners need around it."""
    import segno  # noqa: PLC0415 - of pages with tickets only

    drawn = io.BytesIO()
    code = segno.make(ticket.signed, error="m", micro=False, boost_error=False)
    words = f"QR code of ticket {ticket.code}"
    code.save(drawn, kind="svg", xmldecl=False, svgns=False, omitsize=True, border=4, svgclass="qr", lineclass=None, title=words)
    return Markup(drawn.getvalue().decode().replace("<svg ", '<svg role="img" ', 1))  # noqa: S704 - segno drew it, of letters and digits only
