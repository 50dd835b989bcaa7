"""Creating and changing an event."""

import datetime as dt
import uuid
from typing import Any

from flask import Response, current_app, flash, request, url_for
from werkzeug.datastructures import CombinedMultiDict

from evently.dashboard import blueprint
from evently.dashboard.change_preview import differences, preview_changes
from evently.dashboard.forms import EventForm, plain_lines
from evently.errors import Conflict, Invalid, TooManyRequests
from evently.events import descriptions, services
from evently.events.cover_images import MAX_BYTES, remove_cover, set_cover
from evently.events.models import CANCELLED, DRAFT, PUBLISHED, Event
from evently.events.queries import find_last_timezone, get_managed_event
from evently.events.validation import EventFields
from evently.http import form_drafts
from evently.http.body_limits import accepts_upload
from evently.http.htmx import redirect_to, render
from evently.http.idempotency import claimed_id
from evently.http.login import signed_in_user

# bytes; a picture that is too large is better refused beside its field than with the whole form
MAX_FORM = MAX_BYTES + 5 * 1024**2


@blueprint.get("/events/new")
def new_event() -> Response:
    config = current_app.config
    timezone, typed = find_last_timezone(by=signed_in_user()), form_drafts.restore()
    defaults = {"timezone": timezone or config["DEFAULT_TIMEZONE"], "currency": config["DEFAULT_CURRENCY"], "category": "other"}
    return show_editor(EventForm(typed, **defaults), is_zone_open=not (timezone or typed))


@blueprint.post("/events/new")
@accepts_upload(MAX_FORM)
def create_event() -> Response:
    form = EventForm(submitted_form())
    if not form.validate():
        return show_editor(form, status=422)
    try:
        event = services.create_event(by=signed_in_user(), fields=with_status(form.fields()), event_id=claimed_id())
        change_cover(event, form)
    except Invalid as refusal:
        form.add_refusal(refusal)
        return show_editor(form, status=422)
    flash("The draft is saved." if event.status == DRAFT else "The event is published.")
    return redirect_to(event_url(event))


@blueprint.get("/events/<uuid:event_id>/edit")
def edit_event(event_id: uuid.UUID) -> Response:
    event = get_managed_event(by=signed_in_user(), event_id=event_id)
    if event.status == CANCELLED:
        return redirect_to(event_url(event))
    return show_editor(EventForm(form_drafts.restore(), event=event), event)


@blueprint.post("/events/<uuid:event_id>/edit")
@accepts_upload(MAX_FORM)
def update_event(event_id: uuid.UUID) -> Response:
    user = signed_in_user()
    event = get_managed_event(by=user, event_id=event_id)
    form = EventForm(submitted_form(), event=event)
    if not form.validate():
        return show_editor(form, event, status=422)
    impact = preview_changes(by=user, event=event, values=dict(form.fields()))
    if impact and impact.asks and request.form.get("seen") != impact.mark:
        return show_editor(form, event, impact=impact)
    return save(event, form)


def save(event: Event, form: EventForm) -> Response:
    was_draft = event.status == DRAFT
    try:
        event = services.update_event(
            by=signed_in_user(), event_id=event.id, fields=with_status(form.fields()), version=parse_version(form.version.data)
        )
        change_cover(event, form)
    except (Invalid, Conflict, TooManyRequests) as refusal:
        if refusal.code == "changed_meanwhile":
            return show_both(form, event)
        form.add_refusal(refusal)
        return show_editor(form, event, status=429 if isinstance(refusal, TooManyRequests) else 422)
    flash("The event is published." if was_draft and event.status == PUBLISHED else "Your changes are saved.")
    return redirect_to(event_url(event))


def show_both(form: EventForm, event: Event) -> Response:
    """What somebody else has saved meanwhile beside what was typed; sent again, the form means what it says."""
    event = get_managed_event(by=signed_in_user(), event_id=event.id)
    form.version.data = event.updated_at.isoformat()
    found = differences(form, event)
    if not found:
        return save(event, form)
    impact = preview_changes(by=signed_in_user(), event=event, values=dict(form.fields()))
    return show_editor(form, event, differences=found, impact=impact, status=409)


@blueprint.post("/events/<uuid:event_id>/publication")
def publish_event(event_id: uuid.UUID) -> Response:
    try:
        event = services.publish_event(by=signed_in_user(), event_id=event_id)
    except Invalid as refusal:
        # Something has to be changed first, most likely the date; the editor says what.
        event = get_managed_event(by=signed_in_user(), event_id=event_id)
        form = EventForm(None, event=event)
        form.add_refusal(refusal)
        return show_editor(form, event, status=422)
    flash("The event is published.")
    return redirect_to(event_url(event))


@blueprint.post("/events/description")
def preview_description() -> Response:
    """How a description will look, within the bounds that saving it has."""
    rendered = descriptions.render(plain_lines(request.form.get("description")).strip())
    return render("dashboard/_description_preview.html", html=rendered.html, problem=rendered.problem)


def show_editor(form: EventForm, event: Event | None = None, *, status: int = 200, **more: Any) -> Response:
    form.keep_cover()
    response = render("dashboard/editor.html", form=form, event=event, status=form.busy.status if form.busy else status, **more)
    if form.busy:
        response.headers["Retry-After"] = str(form.busy.retry_after)
    return response


def submitted_form() -> CombinedMultiDict[str, Any]:
    """Fields and files together, as forms take them."""
    return CombinedMultiDict([request.form, request.files])


def change_cover(event: Event, form: EventForm) -> None:
    """A new picture wins over the wish to remove the old one."""
    by, alt, kept = signed_in_user(), form.cover_alt.data or "", form.kept_cover.data or ""
    if form.picture or kept or (alt != event.cover_alt and not form.removes_cover.data):
        set_cover(by=by, event_id=event.id, picture=form.picture, alt=alt, kept=kept)
    elif form.removes_cover.data:
        remove_cover(by=by, event_id=event.id)


def parse_version(version: str | None) -> dt.datetime | None:
    """The version that a form was filled from; None where it says none, or nonsense."""
    try:
        return dt.datetime.fromisoformat(version or "")
    except ValueError:
        return None


def with_status(fields: EventFields) -> EventFields:
    """What the button says that was pressed: publish, or keep as a draft. Without one nothing changes."""
    status = request.form.get("status")
    return {**fields, "status": status} if status else fields


def event_url(event: Event) -> str:
    return url_for("dashboard.show_event", event_id=event.id)
