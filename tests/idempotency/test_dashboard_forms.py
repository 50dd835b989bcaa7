"""The hidden key of the dashboard's forms: whoever presses a button twice does it once, and sees what came of it both times."""

import io
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from evently.accounts.models import User
from evently.accounts.suspension import suspend
from evently.bookings.check_ins import check_in
from evently.bookings.tickets import tickets_of
from evently.database import transaction, utc_now
from evently.events.import_jobs import start_import
from evently.events.import_rows import ImportDefaults
from evently.events.import_worker import run
from evently.extensions import db
from evently.notifications.messages import send_message
from evently.notifications.models import Mail
from tests.factories import PASSWORD, api_token, log_in, make_booking, make_superuser, make_user
from tests.harness.visitor import Visitor
from tests.idempotency.conftest import contents, is_replayed
from tests.idempotency.test_forms import FORMS, WITHOUT_KEY, send, signed_in_elsewhere

# The keys are the same on both databases, as test_forms.py shows.
pytestmark = pytest.mark.parametrize("site", ["sqlite"], indirect=True)

EVENTS, PEOPLE = "/dashboard/events", "/dashboard/admin/users"
Asked = tuple[str, str, dict[str, Any]]


def failed_mail() -> int:
    make_booking()
    return fail(db.session.scalars(sa.select(Mail.id).order_by(Mail.id.desc())).first())


def fail(mail_id: int) -> int:
    with transaction() as session:
        session.execute(sa.update(Mail).where(Mail.id == mail_id).values(status="failed"))
    return mail_id


def about(path: str, **fields: Any) -> Callable[[User], Asked]:
    """Something that a superuser does to somebody else."""

    def asked(user: User) -> Asked:
        other = make_user()
        if path == "reinstatement":
            suspend(by=user, user_id=other.id)
        api_token(other)
        signed_in_elsewhere(other)
        return f"{PEOPLE}/{other.id}", f"{PEOPLE}/{other.id}/{path}", fields

    return asked


def of_event(path: str, page: str = "", **fields: Any) -> Callable[[User], Asked]:
    def asked(_: User) -> Asked:
        event = make_booking().event
        return f"{EVENTS}/{event.id}/{page or path}", f"{EVENTS}/{event.id}/{path}", fields

    return asked


def at_the_door(_: User) -> Asked:
    booking = make_booking()
    path = f"{EVENTS}/{booking.event_id}/check-in"
    return path, path, {"code": tickets_of(booking)[0].code}


def let_out(user: User) -> Asked:
    booking = make_booking()
    check_in(by=user, event_id=booking.event_id, code=tickets_of(booking)[0].code)
    path = f"{EVENTS}/{booking.event_id}/check-in"
    return path, f"{path}/undo", {"ticket": f"{booking.id}:1"}


def deal_with(kind: str) -> Callable[[User], Asked]:
    def asked(_: User) -> Asked:
        booking = make_booking()
        path = f"{EVENTS}/{booking.event_id}/attendees/{kind}"
        return f"{path}?booking={booking.id}", path, {}

    return asked


def retry_message(user: User) -> Asked:
    event = make_booking().event
    message = send_message(by=user, event_id=event.id, audience="everyone", subject="", body="Doors at seven.", message_id=uuid.uuid4())
    mail_id = fail(db.session.scalars(sa.select(Mail.id).where(Mail.kind == "event_message")).one())
    path = f"{EVENTS}/{event.id}/messages/{message.id}"
    return path, f"{path}/mails/{mail_id}/retry", {}


def uploaded(path: str) -> Callable[[User], Asked]:
    def asked(user: User) -> Asked:
        content = json.dumps([{"name": "Walk", "venue": "Park", "time": "2031-05-01T20:00"}]).encode()
        upload = start_import(by=user, filename="walks.json", content=content, fills=ImportDefaults(capacity=9))
        while run(upload.id):
            pass
        return f"{EVENTS}/import/{upload.id}", f"{EVENTS}/import/{upload.id}/{path}", {}

    return asked


HANDLED: dict[str, Callable[[User], Asked]] = {
    "retry a mail": lambda _: ("/dashboard/admin/mail", f"/dashboard/admin/mail/{failed_mail()}/retry", {}),
    "retry all mail": lambda _: ("/dashboard/admin/mail", failed_mail() and failed_mail() and "/dashboard/admin/mail/retry", {}),
    "suspend": about("suspension"),
    "reinstate": about("reinstatement"),
    "role": about("role", is_organizer="1"),
    "end sessions": about("sessions/end"),
    "end tokens": about("tokens/end"),
    "staff": lambda _: (f"{PEOPLE}/new", f"{PEOPLE}/new", {"username": "ada", "email": "ada@example.org", "password": PASSWORD}),
    "remove many": lambda _: (f"{PEOPLE}/removal?prefix={make_user(username='load-1') and 'load-'}", f"{PEOPLE}/removal", {}),
    "cancel bookings": deal_with("cancel"),
    "admit bookings": deal_with("admit"),
    "add by hand": of_event("attendees/new", email="new@example.org", first_name="Ada", tickets="2"),
    "check in": at_the_door,
    "undo a check-in": let_out,
    "import": uploaded("confirmation"),
    "forget an import": uploaded("discard"),
    "copy": of_event("copy", time="2031-05-01T20:00"),
    "message": of_event("messages", audience="everyone", subject="", body="Doors at seven."),
    "test of a message": of_event("messages/test", "messages", subject="", body="Doors at seven."),
    "retry a message": retry_message,
}


# What looks at something and changes nothing, and what is the same however often it is done.
HARMLESS = {f"/dashboard/events/<uuid:event_id>/{look}/preview" for look in ("messages", "cancellation")} | {"/unsubscribe/<token>"}
UPLOAD = f"{EVENTS}/import"


@pytest.mark.parametrize("name", HANDLED)
def test_is_carried_out_once(name: str, visitor: Visitor, app: Flask) -> None:
    user = make_superuser(email_confirmed_at=utc_now())
    log_in(visitor.client, user)
    address, action, fields = HANDLED[name](user)
    # Some forms come with what another one led to; the key of any form does for them.
    forms = [form for form in visitor.forms(address) if "idempotency_key" in dict(form.fields)]
    data = dict(next((form for form in forms if form.action == action), forms[0]).fields) | fields
    first, before, again = visitor.client.post(action, data=data), contents(), visitor.client.post(action, data=data)
    assert first.status_code in {200, 303}
    assert contents() == before
    assert (again.status_code, again.location, again.text, is_replayed(again)) == (first.status_code, first.location, first.text, True)


def test_a_file_is_taken_in_once(visitor: Visitor, app: Flask) -> None:
    log_in(visitor.client, make_superuser())
    [form] = [form for form in visitor.forms(UPLOAD) if form.action == UPLOAD]
    rows = json.dumps([{"name": "Walk", "venue": "Park", "time": "2031-05-01T20:00"}]).encode()
    first, again = (send(visitor, form, file=(io.BytesIO(rows), "walks.json")) for _ in range(2))
    assert (first.status_code, again.status_code, again.location, is_replayed(again)) == (303, 303, first.location, True)


def test_no_form_is_left_out(app: Flask) -> None:
    rules = [rule for rule in app.url_map.iter_rules() if "POST" in rule.methods and not rule.rule.startswith("/api/")]
    user = make_superuser()
    with app.test_request_context():
        addresses = [UPLOAD, *(table[name](user)[1] for table in (FORMS, HANDLED) for name in table)]
        tested = {app.url_map.bind("").match(address, method="POST", return_rule=True)[0].rule for address in addresses}
    assert {rule.rule for rule in rules} == tested | WITHOUT_KEY | HARMLESS
