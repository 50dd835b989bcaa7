"""Calling an event off, with a word to its people; a draft, which nobody knows of, is discarded instead."""

import uuid
from typing import Any

from flask import Response, flash, request, session, url_for
from wtforms import TextAreaField

from evently.bookings.queries import count_attendees
from evently.dashboard import blueprint
from evently.errors import Invalid, TooManyRequests
from evently.events import services
from evently.events.models import CANCELLED, PUBLISHED
from evently.events.queries import get_managed_event
from evently.events.validation import LENGTHS
from evently.http import form_drafts
from evently.http.forms import PlainForm
from evently.http.htmx import redirect_to, render
from evently.http.login import signed_in_user
from evently.http.mail_preview import sandboxed
from evently.notifications.messages import preview_cancellation

CANCELLATION = "/events/<uuid:event_id>/cancellation"
# Among what the browser's session holds: words whose looks the frame shows, which is asked for by itself.
PREVIEW_BUTTON = "cancelled_with"


class CancellationForm(PlainForm):
    """What is judged, the service judges."""

    cancellation_note = TextAreaField("A word to them")

    @property
    def words(self) -> str:
        return self.cancellation_note.data or ""


@blueprint.get(CANCELLATION)
def cancel_event(event_id: uuid.UUID) -> Response:
    """Who is affected, room for a word to them, and a button that does it."""
    event = get_managed_event(by=signed_in_user(), event_id=event_id)
    if event.status == CANCELLED or (event.has_started and event.status == PUBLISHED):
        return redirect_to(url_for("dashboard.show_event", event_id=event_id))
    return show_cancellation(event_id, CancellationForm(form_drafts.restore()))


@blueprint.post(f"{CANCELLATION}/preview")
def preview_cancellation_mail(event_id: uuid.UUID) -> Response:
    form = CancellationForm(request.form)
    try:
        preview = preview_cancellation(by=signed_in_user(), event_id=event_id, words=form.words)
    except Invalid as refusal:
        form.add_refusal(refusal)
        return show_cancellation(event_id, form, status=422)
    session[PREVIEW_BUTTON] = {"event": str(event_id), "words": form.words}
    return show_cancellation(event_id, form, preview=preview)


@blueprint.get(f"{CANCELLATION}/mail")
def show_cancellation_mail(event_id: uuid.UUID) -> Response:
    """The mail itself, for the frame below the words that were looked at last."""
    looked_at = session.get(PREVIEW_BUTTON, {})
    words = looked_at["words"] if looked_at.get("event") == str(event_id) else ""
    return sandboxed(preview_cancellation(by=signed_in_user(), event_id=event_id, words=words).html)


@blueprint.post(CANCELLATION)
def confirm_cancellation(event_id: uuid.UUID) -> Response:
    form = CancellationForm(request.form)
    try:
        event = services.cancel_event(by=signed_in_user(), event_id=event_id, words=form.words)
    except (Invalid, TooManyRequests) as refusal:
        form.add_refusal(refusal)
        return show_cancellation(event_id, form, status=refusal.status)
    session.pop(PREVIEW_BUTTON, None)
    flash(f"{event.name} is cancelled.")
    return redirect_to(url_for("dashboard.show_event", event_id=event_id))


@blueprint.post("/events/<uuid:event_id>/discard")
def discard_draft(event_id: uuid.UUID) -> Response:
    services.discard_draft(by=signed_in_user(), event_id=event_id)
    flash("The draft is discarded.")
    return redirect_to(url_for("dashboard.list_events"))


def show_cancellation(event_id: uuid.UUID, form: CancellationForm, *, status: int = 200, **context: Any) -> Response:
    user = signed_in_user()
    context |= {
        "event": get_managed_event(by=user, event_id=event_id),
        "affected": count_attendees(by=user, event_id=event_id),
        "form": form,
        "longest": LENGTHS["cancellation_note"],
    }
    return render("dashboard/cancellation.html", "dashboard/_cancellation_mail.html", status=status, **context)
