"""An event before everybody sees it, and an event once more."""

import datetime as dt
import uuid

from flask import Response, current_app, flash, request, url_for
from wtforms import DateTimeLocalField, StringField
from wtforms.validators import DataRequired, InputRequired

from evently.dashboard import blueprint
from evently.dashboard.forms import LOCAL_TIME
from evently.dashboard.local_time import NoSuchTime, to_utc
from evently.database import separate_session
from evently.errors import Invalid
from evently.events.duplication import duplicate_event
from evently.events.models import DRAFT, PUBLISHED, Event
from evently.events.queries import get_managed_event
from evently.http.forms import PlainForm
from evently.http.htmx import redirect_to, render
from evently.http.idempotency import claimed_id
from evently.http.login import signed_in_user


class CopyForm(PlainForm):
    """What cannot be the same again."""

    name = StringField("Name", [DataRequired("Give the event a name.")])
    time = DateTimeLocalField("Starts", [InputRequired("Say when it starts.")], **LOCAL_TIME)
    moment: dt.datetime | None = None

    def understand(self, event: Event) -> bool:
        """Whether it is all there, and the clocks of the event's zone show that time; it is then the `moment`."""
        if not self.validate() or self.time.data is None:
            return False
        try:
            self.moment = to_utc(self.time.data, event.zone)
        except NoSuchTime as error:
            self.time.errors = [str(error)]
        return self.moment is not None


@blueprint.route("/events/<uuid:event_id>/copy", methods=["GET", "POST"])
def copy_event(event_id: uuid.UUID) -> Response:
    user = signed_in_user()
    event = get_managed_event(by=user, event_id=event_id)
    if request.method == "GET":
        return render("dashboard/event_duplicate.html", event=event, form=CopyForm(None, data={"name": event.name}))
    form = CopyForm(request.form)
    if not form.understand(event) or form.moment is None:
        return render("dashboard/event_duplicate.html", event=event, form=form, status=422)
    try:
        draft = duplicate_event(by=user, event_id=event_id, name=form.name.data or "", time=form.moment, new_id=claimed_id())
    except Invalid as refusal:
        form.add_refusal(refusal)
        return render("dashboard/event_duplicate.html", event=event, form=form, status=422)
    flash("The copy is a draft. Look it over, then publish it.")
    return redirect_to(url_for("dashboard.edit_event", event_id=draft.id))


@blueprint.get("/events/<uuid:event_id>/preview")
def preview_event(event_id: uuid.UUID) -> Response:
    """The public page as it will be, in which nothing can be booked."""
    event = get_managed_event(by=signed_in_user(), event_id=event_id)
    if event.status != DRAFT:
        return redirect_to(url_for("web.show_event", event_id=event_id))
    shown = separate_session(event, stock=list(event.stock), organizer=event.organizer)
    shown.description_html, shown.description_digest = event.description_html, event.description_digest
    shown.status = PUBLISHED
    most = min(event.max_tickets_per_booking or current_app.config["MAX_TICKETS_PER_BOOKING"], event.available_tickets)
    return render("dashboard/preview.html", event=shown, is_preview=True, form=None, held=0, most=most, tickets=1, refusal=None)
