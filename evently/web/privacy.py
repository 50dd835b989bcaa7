"""What this site knows about somebody: to take along, and to have forgotten."""

import datetime as dt
from typing import Any

from flask import Response, current_app, flash, request, url_for

from evently.accounts import account_deletion, sessions
from evently.accounts.models import User
from evently.accounts.queries import list_all_tokens
from evently.bookings.models import ACTIVE_STATUSES, Booking
from evently.bookings.queries import list_all_bookings
from evently.bookings.tickets import tickets_of
from evently.database import utc_now
from evently.errors import Conflict, Invalid, TooManyRequests
from evently.events.on_account_deletion import count_upcoming_events
from evently.http.htmx import redirect_to, render
from evently.http.login import check_password, sign_out, signed_in_user
from evently.notifications.models import Mail
from evently.notifications.queries import list_mails_to
from evently.notifications.rendering import render_mail
from evently.notifications.subscriptions import list_unsubscribed
from evently.web import blueprint
from evently.web.account_forms import ClosingForm
from evently.web.accounts import render_with_errors, roles_of

ABOUT_ME = ("username", "email", "first_name", "last_name", "phone_number", "address")


@blueprint.get("/account/data")
def show_data() -> Response:
    signed_in_user()
    return render("accounts/data.html")


@blueprint.get("/account/data.json")
def download_data() -> Response:
    user = signed_in_user()
    response = Response(current_app.json.dumps(collect_personal_data(user), indent=2), mimetype="application/json")
    response.headers["Content-Disposition"] = f'attachment; filename="evently-{user.username}.json"'
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.route("/account/closing", methods=["GET", "POST"])
def close_account() -> Response:
    """What will happen, and a form that makes it so."""
    user, form = signed_in_user(), ClosingForm(request.form)
    page = "accounts/close_account.html"
    context: dict[str, Any] = {"bookings": active_bookings(user), "events_to_come": count_upcoming_events(user)}
    if request.method != "POST":
        return render(page, form=form, **context)
    if not form.validate():
        return render(page, form=form, status=422, **context)
    password = form.password.data or ""
    try:
        check_password(user, password)
        account_deletion.close_account(user=user, password=password)
    except (Invalid, Conflict, TooManyRequests) as refusal:
        return render_with_errors(page, form, refusal, **context)
    sign_out()
    flash("Your account is closed. Good-bye, and thank you.")
    return redirect_to(url_for("web.list_events"))


def active_bookings(user: User) -> list[Booking]:
    """Those that would be given back."""
    return [booking for booking in list_all_bookings(user) if booking.status in ACTIVE_STATUSES and booking.event.time > utc_now()]


def collect_personal_data(user: User) -> dict[str, Any]:
    return {
        "site": current_app.config["SITE_URL"],
        "written_at": _moment(utc_now()),
        "profile": {name: getattr(user, name) for name in ABOUT_ME}
        | {"roles": roles_of(user), "joined_at": _moment(user.created_at), "email_confirmed_at": _moment(user.email_confirmed_at)},
        "bookings": [_booking(booking) for booking in list_all_bookings(user)],
        "mails": [_mail(mail) for mail in list_mails_to(user)],
        "unsubscribed_from": list_unsubscribed(user),
        "sessions": [
            {"device": session.device, "began_at": _moment(session.created_at), "last_used_at": _moment(session.last_used_at)}
            for session in sessions.list_sessions(user)
        ],
        "api_tokens": [
            {
                "name": token.name,
                "created_at": _moment(token.created_at),
                "last_used_at": _moment(token.last_used_at),
                "expires_at": _moment(token.expires_at),
            }
            for token in list_all_tokens(user)
        ],
    }


def _mail(mail: Mail) -> dict[str, Any]:
    return {
        "subject": render_mail(mail, as_requested=True).subject,
        "to": mail.to_address,
        "state": mail.status,
        "written_at": _moment(mail.created_at),
        "sent_at": _moment(mail.sent_at),
    }


def _booking(booking: Booking) -> dict[str, Any]:
    event = booking.event
    return {
        "reference": booking.reference,
        "status": booking.status,
        "booked_at": _moment(booking.booking_date),
        "decided_at": _moment(booking.decided_at),
        "cancelled_at": _moment(booking.cancelled_at),
        "tickets": booking.ticket_count,
        "codes": [ticket.code for ticket in tickets_of(booking)],
        "total": booking.total_amount,
        "currency": booking.currency,
        "added_by": booking.added_by_name if booking.added_by_id else None,
        "entered_name": f"{booking.attendee_first_name or ''} {booking.attendee_last_name or ''}".strip(),
        "entered_email": booking.attendee_email or "",
        "contact_shared_at": _moment(booking.accepted_at),
        "event": {"name": event.name, "venue": event.venue, "time": _moment(event.time), "timezone": event.timezone},
    }


def _moment(value: dt.datetime | None) -> str | None:
    return value.isoformat(timespec="seconds").replace("+00:00", "Z") if value else None
