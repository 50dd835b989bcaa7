"""What an organizer writes to the people of an event: to whom, how it will look, and what became of it."""

import uuid
from typing import Any

from flask import Response, flash, request, session, url_for
from werkzeug.datastructures import MultiDict
from wtforms import RadioField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length

from evently.dashboard import blueprint
from evently.dashboard.admin import redirect_with_notice
from evently.dashboard.attendee_listing import AttendeeListing, read_ids
from evently.dashboard.forms import plain_lines
from evently.errors import Invalid, NotFound, TooManyRequests
from evently.events.models import Event
from evently.events.queries import get_managed_event
from evently.http import form_drafts
from evently.http.forms import PlainForm
from evently.http.htmx import redirect_to, render, wants_fragment
from evently.http.idempotency import claimed_id
from evently.http.login import signed_in_user
from evently.http.mail_preview import sandboxed
from evently.http.pagination import page_number
from evently.http.query_params import choice
from evently.notifications.audiences import AUDIENCES, CHOSEN
from evently.notifications.audiences import STATES as STATES_OF_PEOPLE
from evently.notifications.deliveries import describe_message
from evently.notifications.messages import LENGTHS, Audience, count_audience, preview_message, send_message, send_test
from evently.notifications.models import FAILED, QUEUED, SENDING, SENT, SUPPRESSED
from evently.notifications.queries import list_deliveries, list_messages
from evently.notifications.retries import retry_mail

MESSAGES = "/events/<uuid:event_id>/messages"
MESSAGE = f"{MESSAGES}/<uuid:message_id>"
EVERYONE = next(iter(AUDIENCES))
NOBODY = {"audience": CHOSEN, "booking_ids": ()}
# Among what the browser's session holds: words whose looks the frame shows, which is asked for by itself.
PREVIEW_BUTTON = "looked_at"
STATES = {"": "All", SENT: "Sent", QUEUED: "Waiting", SENDING: "Being sent", FAILED: "Failed", SUPPRESSED: "Not sent"}


def at_most(field: str) -> Length:
    return Length(max=LENGTHS[field], message=f"Use at most {LENGTHS[field]:,} characters.")


class MessageForm(PlainForm):
    """A message while it is written."""

    audience = RadioField("To", choices=AUDIENCES, default=EVERYONE)
    subject = StringField("Subject", [at_most("subject")])
    body = TextAreaField("Message", [DataRequired("Write something first."), at_most("body")], filters=[plain_lines])

    def __init__(self, formdata: MultiDict[str, str] | None, **defaults: Any) -> None:
        super().__init__(formdata, **defaults)
        # Of rows that were ticked, on the page this one was come to from.
        self.booking_ids = read_ids((formdata or request.args).getlist("booking"))

    def whom(self) -> dict[str, Any]:
        return {"audience": choice(AUDIENCES, self.audience.data or "") or EVERYONE, "booking_ids": self.booking_ids}

    def words(self) -> dict[str, Any]:
        return {"subject": self.subject.data or "", "body": self.body.data or ""}


@blueprint.get(MESSAGES)
def event_messages(event_id: uuid.UUID) -> Response:
    audience, refusal = asked_audience(event_id)
    form = MessageForm(form_drafts.restore(), audience=audience)
    form.form_errors += [refusal] if refusal else []
    return show_messages(event_id, form, "dashboard/_message_list.html")


def asked_audience(event_id: uuid.UUID) -> tuple[str, str]:
    """That of the address, or everybody and why: the list of attendees may send people whom no audience describes."""
    audience = choice(AUDIENCES, request.args.get("audience", "")) or EVERYONE
    if audience != CHOSEN:
        return audience, ""
    listing = AttendeeListing.read(get_managed_event(by=signed_in_user(), event_id=event_id), request.args)
    if listing.ids:
        return CHOSEN, ""
    back = "Choose an audience here, or go back and tick the people you mean."
    if not request.args.get("all"):
        return EVERYONE, f"Nobody was ticked. {back}"
    return choice(STATES_OF_PEOPLE, listing.state) or EVERYONE, f"What you looked for is no audience. {back}" if listing.is_narrowed else ""


@blueprint.get(f"{MESSAGES}/audience")
def count_readers(event_id: uuid.UUID) -> Response:
    return show_messages(event_id, MessageForm(request.args), "dashboard/_message_audience.html")


@blueprint.post(f"{MESSAGES}/preview")
def preview_event_message(event_id: uuid.UUID) -> Response:
    return show_preview(event_id, MessageForm(request.form))


@blueprint.get(f"{MESSAGES}/preview")
def show_preview_of_message(event_id: uuid.UUID) -> Response:
    """The mail itself, for the frame beside the words that were looked at last."""
    words = session.get(PREVIEW_BUTTON, {}) if session.get(PREVIEW_BUTTON, {}).get("event") == str(event_id) else {}
    preview = preview_message(by=signed_in_user(), event_id=event_id, subject=words.get("subject", ""), body=words.get("body", ""))
    return sandboxed(preview.html)


@blueprint.post(f"{MESSAGES}/test")
def test_message(event_id: uuid.UUID) -> Response:
    form, news = MessageForm(request.form), ""
    if form.validate():
        try:
            mail = send_test(by=signed_in_user(), event_id=event_id, **form.words())
            news = f"A test is on its way to {mail.to_address}."
        except (Invalid, TooManyRequests) as refusal:
            form.add_refusal(refusal)
            return show_messages(event_id, form, "dashboard/_message_preview.html", status=refusal.status)
    return show_preview(event_id, form, news=news)


@blueprint.post(MESSAGES)
def send_event_message(event_id: uuid.UUID) -> Response:
    form = MessageForm(request.form)
    if not form.validate():
        return show_messages(event_id, form, status=422)
    try:
        message = send_message(by=signed_in_user(), event_id=event_id, message_id=claimed_id(), **form.whom(), **form.words())
    except (Invalid, TooManyRequests) as refusal:
        form.add_refusal(refusal)
        return show_messages(event_id, form, status=refusal.status)
    session.pop(PREVIEW_BUTTON, None)
    flash("The message is on its way.")
    return redirect_to(url_for("dashboard.show_message", event_id=event_id, message_id=message.id))


@blueprint.get(MESSAGE)
def show_message(event_id: uuid.UUID, message_id: uuid.UUID) -> Response:
    return show_deliveries(event_id, message_id)


@blueprint.post(f"{MESSAGE}/mails/<int(max=9223372036854775807):mail_id>/retry")
def retry_message(event_id: uuid.UUID, message_id: uuid.UUID, mail_id: int) -> Response:
    mail = retry_mail(by=signed_in_user(), mail_id=mail_id)
    address = url_for("dashboard.show_message", event_id=event_id, message_id=message_id)
    return redirect_with_notice(
        f"The mail to {mail.contact.email} is on its way again.", address, lambda news: show_deliveries(event_id, message_id, news)
    )


def show_preview(event_id: uuid.UUID, form: MessageForm, *, news: str = "") -> Response:
    """How it will look, to how many, and the button that sends it; or what is missing."""
    by = signed_in_user()
    if not form.validate() or form.form_errors:
        return show_messages(event_id, form, "dashboard/_message_preview.html", status=422)
    preview = preview_message(by=by, event_id=event_id, **form.words())
    session[PREVIEW_BUTTON] = {"event": str(event_id), **form.words()}
    return show_messages(event_id, form, "dashboard/_message_preview.html", preview=preview, news=news)


def show_messages(event_id: uuid.UUID, form: MessageForm, fragment: str | None = None, *, status: int = 200, **context: Any) -> Response:
    by = signed_in_user()
    event = get_managed_event(by=by, event_id=event_id)
    # Chosen were those who are ticked; with nobody ticked, nobody.
    whom = form.whom()
    readers = Audience(0, 0, 0) if whom == NOBODY else count_audience(by=by, event_id=event_id, **whom)
    page = list_messages(by=by, event_id=event_id, page=page_number(request.args))
    context |= {"event": event, "form": form, "readers": readers, "page": page}
    context["audiences"] = AUDIENCES if form.booking_ids else STATES_OF_PEOPLE
    context["is_fragment"] = wants_fragment()
    return render("dashboard/messages.html", fragment, status=status, **context)


def show_deliveries(event_id: uuid.UUID, message_id: uuid.UUID, news: str = "") -> Response:
    by = signed_in_user()
    sent = describe_message(by=by, message_id=message_id)
    event: Event = sent.message.event
    if event.id != event_id:
        raise NotFound("There is no such message.")
    state = choice(STATES, request.args.get("state", ""))
    page = list_deliveries(by=by, message_id=message_id, status=state, page=page_number(request.args))
    context: dict[str, Any] = {
        "event": event,
        "sent": sent,
        "page": page,
        "state": state,
        "states": STATES,
        "audiences": AUDIENCES,
        "news": news,
    }
    return render("dashboard/message.html", "dashboard/_message_deliveries.html", **context)
