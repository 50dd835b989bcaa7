"""Of an attendee whom the organizer added, nobody but the attendee sees more than was typed, until the attendee shares it."""

import html
import io
import re
import uuid
import zipfile
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask, url_for
from werkzeug.test import TestResponse

from evently.accounts import password_reset
from evently.accounts.account_deletion import anonymize
from evently.accounts.models import User
from evently.bookings.attendees import AttendeeFilters, list_attendees
from evently.bookings.check_ins import check_in_seats
from evently.bookings.contact_sharing import share_contact
from evently.bookings.manual_bookings import add_booking
from evently.bookings.models import Booking
from evently.bookings.tickets import tickets_of
from evently.database import transaction, utc_now
from evently.errors import Conflict, NotFound
from evently.events.models import Event
from evently.extensions import db
from evently.notifications.messages import send_message
from evently.notifications.models import Mail, Message, Unsubscription
from evently.notifications.rendering import render_mail
from tests.factories import auth, decide, log_in, make_booking, make_event, make_manual_booking, make_staff, make_user, reload
from tests.harness.site import on_sqlite
from tests.harness.visitor import Visitor

ADDRESS = "victim@example.org"
# What the account knows and the organizer did not type. Each could be searched for.
SECRETS = {
    "first_name": "Zenobia",
    "last_name": "Quuxley",
    "username": "hiddenuser",
    "phone_number": "+49 341 987654",
    "address": "Backstreet 7",
}


@pytest.fixture
def event(mira: User) -> Event:
    return make_event(by=mira, name="Concert", capacity=100)


@pytest.fixture
def desk(app: Flask, mira: User) -> Visitor:
    return Visitor(log_in(app.test_client(), mira))


@pytest.fixture
def victim(app: Flask) -> User:
    return make_user(email=ADDRESS, email_confirmed_at=utc_now(), **SECRETS)


@pytest.fixture
def booking(event: Event, victim: User) -> Booking:
    return make_manual_booking(user=victim, event=event, tickets=2)


def api(app: Flask, method: str, path: str, by: User, body: Any = None) -> TestResponse:
    return app.test_client().open(f"/api{path}", method=method, headers=auth(by), json=body)


def admin_list(app: Flask, event: Event, query: str = "") -> list[dict[str, Any]]:
    return api(app, "GET", f"/admin/events/{event.id}/bookings/?{query}", event.organizer).json["results"]


@dataclass
class Scene:
    """A booking of the victim that mira added, with everything that can be looked at about it."""

    booking: Booking
    values: dict[str, Any]


@pytest.fixture
def scene(mira: User, event: Event, victim: User, booking: Booking) -> Scene:
    check_in_seats(by=mira, event_id=event.id, booking_id=booking.id, seats=[1])
    message = send_message(by=mira, event_id=event.id, audience="everyone", body="Doors at seven.")
    # The account has another address by now, at which mail fails.
    with transaction() as session:
        session.execute(sa.update(User).where(User.id == victim.id).values(email="moved@elsewhere.example"))
        refused = {"to_address": "moved@elsewhere.example", "last_error": "550 no moved@elsewhere.example here", "status": "failed"}
        session.execute(sa.update(Mail).where(Mail.message_id == message.id).values(refused))
    [mail] = session.scalars(sa.select(Mail).where(Mail.message_id == message.id))
    values = {"event_id": event.id, "booking_id": booking.id, "message_id": message.id, "code": tickets_of(booking)[0].name}
    return Scene(reload(booking), values | {"kind": "admit", "mail_id": uuid.UUID(mail.delivery_key.rpartition(":")[2])})


def addresses(app: Flask, values: dict[str, Any]) -> list[str]:
    """Every page, file and API response that can be read about them; those of the API's first version are the same."""
    with app.test_request_context():
        return [
            url_for(rule.endpoint, **{name: values[name] for name in rule.arguments})
            for rule in app.url_map.iter_rules()
            if "GET" in (rule.methods or ()) and rule.arguments and rule.arguments <= values.keys()
            if not rule.endpoint.startswith("api_v1.") and "poster" not in rule.endpoint
        ]


def told(answer: TestResponse) -> str:
    """All text of an answer, also of a workbook."""
    if answer.data.startswith(b"PK"):
        book = zipfile.ZipFile(io.BytesIO(answer.data))
        return " ".join(book.read(name).decode() for name in book.namelist())
    return html.unescape(answer.data.decode(errors="replace"))


def everything(app: Flask, desk: Visitor, scene: Scene) -> dict[str, str]:
    """What the organizer can read and do about the booking, by address."""
    mira, event_id, booking = scene.booking.event.organizer, scene.booking.event_id, scene.booking
    at = f"/dashboard/events/{event_id}"
    api_addresses = [address for address in addresses(app, scene.values) if address.startswith("/api/")]
    pages = [address for address in addresses(app, scene.values) if address not in api_addresses]
    pages += [
        f"{at}/attendees?q=typed",
        f"{at}/attendees?sort=name",
        f"{at}/check-in?q={booking.reference}",
        f"{at}/attendees/admit?booking={booking.id}",
    ]
    seen = {address: told(desk.get(address)) for address in pages}
    seen |= {address: told(app.test_client().get(address, headers=auth(mira))) for address in api_addresses}
    for scan in ({"code": scene.values["code"]}, {"ticket": f"{booking.id}:2"}):
        seen[f"scan {scan}"] = told(desk.submit(f"{at}/check-in", scan, htmx=True))
    undone = {"ticket": f"{booking.id}:2", "csrf_token": desk.token(f"{at}/check-in")}
    seen["undo"] = told(desk.client.post(f"{at}/check-in/undo", data=undone, headers={"HX-Request": "true"}))
    seen["api scan"] = told(api(app, "POST", f"/admin/events/{event_id}/check-in/", mira, {"code": scene.values["code"]}))
    mail = db.session.scalars(sa.select(Mail.id).where(Mail.message_id == scene.values["message_id"])).one()
    retry = f"{at}/messages/{scene.values['message_id']}"
    seen["retry"] = told(desk.submit(retry, action=f"{retry}/mails/{mail}/retry", htmx=True))
    return seen


def test_nothing_of_the_account_is_shown_anywhere_until_it_is_shared(app: Flask, desk: Visitor, scene: Scene, victim: User):
    secrets = [*SECRETS.values(), "moved@elsewhere.example"]
    seen = everything(app, desk, scene)
    assert [(address, secret) for address, text in seen.items() for secret in secrets if secret in text] == []
    [row] = admin_list(app, scene.booking.event)
    assert row["user"] == {"id": None, "username": None, "name": "Typed Name", "email": ADDRESS}
    assert api(app, "GET", f"/bookings/{scene.booking.id}/", scene.booking.event.organizer).json["user"] == {"id": None, "username": None}
    # Each of these shows a name, so the test looks at the right places.
    at = f"/dashboard/events/{scene.booking.event_id}"
    named = {at, *(f"{at}/{page}" for page in ("attendees", "attendees.csv", "attendees.xlsx", "check-in", "check-in/list"))}
    named |= {
        f"{at}/attendees/{scene.booking.id}",
        f"{at}/messages/{scene.values['message_id']}",
        f"/bookings/{scene.booking.id}",
        "api scan",
    }
    assert {address for address in named if not re.search("Typed Name|Name, Typed", seen[address])} == set()
    share_contact(user=victim, booking_id=scene.booking.id)
    seen = {address: told(desk.get(address)) for address in named - {"api scan"}}
    assert {address for address, text in seen.items() if not re.search("Zenobia Quuxley|Quuxley, Zenobia", text)} == set()
    assert "+49 341 987654" in seen[f"{at}/attendees/{scene.booking.id}"]
    assert admin_list(app, scene.booking.event)[0]["user"]["id"] == victim.id


@pytest.mark.parametrize("searched", [*SECRETS.values(), "0341 987654", "elsewhere", "Typed Quuxley"])
def test_searching_for_what_is_hidden_finds_nothing(app: Flask, desk: Visitor, scene: Scene, searched: str):
    at = f"/dashboard/events/{scene.booking.event_id}"
    assert "No bookings match" in desk.get(f"{at}/attendees", query_string={"q": searched}).text
    assert "Nobody with that name" in desk.get(f"{at}/check-in", query_string={"q": searched}, htmx=True).text
    assert admin_list(app, scene.booking.event, f"search={searched.replace('+', '%2B')}") == []


def found(event: Event, searched: str = "", ordering: str = "seq") -> list[str]:
    page = list_attendees(by=event.organizer, event_id=event.id, filters=AttendeeFilters(search=searched), ordering=ordering)
    return [attendee.booking.contact.name for attendee in page.items]


def test_it_is_found_and_sorted_by_what_was_typed(event: Event, victim: User):
    booking = make_manual_booking(user=victim, event=event, first_name="Élodie", last_name="O'Neill_Marchandeau")
    make_booking(user=make_user(first_name="Mo"), event=event)
    name = "Élodie O'Neill_Marchandeau"
    expected = {
        "élo": [name],
        "NEILL march": [name],
        "victim": [name],
        ADDRESS: [name],
        "é": [name],
        "lodie": [],
        "%": [],
        "'": [],
        "_": [],
    }
    assert {searched: found(event, searched) for searched in expected} == expected
    assert found(event, ordering="name") == [name, "Mo"]
    share_contact(user=victim, booking_id=booking.id)
    assert found(event, "quuxley") == found(event, "987654") == found(event, "élodie") == ["Zenobia Quuxley"]
    assert found(event, ordering="name") == ["Mo", "Zenobia Quuxley"]


@on_sqlite
def test_ids_and_settings_of_the_account_do_not_show_through_its_mails(
    app: Flask, desk: Visitor, mira: User, event: Event, victim: User, booking: Booking
):
    with transaction() as session:
        session.add(Unsubscription(user_id=victim.id, topic="reminders"))
        reminder = {
            "delivery_key": "x",
            "kind": "event_reminder",
            "to_address": ADDRESS,
            "user_id": victim.id,
            "last_error": "Unsubscribed.",
        }
        session.add(Mail(**reminder, booking_id=booking.id, event_id=event.id, status="suppressed"))
    steps = desk.get(f"/dashboard/events/{event.id}/attendees/{booking.id}").text.split('class="timeline"')[1]
    assert ("Tickets: mail" in steps, "nsubscribed" in steps, "eminder" in steps) == (True, False, False)
    ids = api(app, "POST", f"/admin/events/{event.id}/notify/", mira, {"message": "Doors at seven."}).json["email_tasks_queued"]
    message = db.session.scalars(sa.select(Message)).one()
    assert ids == [str(uuid.UUID(hex=f"{message.id.hex[:20]}{booking.seq:012x}"))]


def test_the_attendee_shares_the_account_by_page_and_once(app: Flask, mira: User, victim: User, booking: Booking):
    page = f"/bookings/{booking.id}"
    visitor = Visitor(log_in(app.test_client(), victim))
    text = visitor.get(page).text
    assert all(
        said in text for said in ("Mira Lindqvist added this booking for you", "Typed Name", "Share my contact details", "hiddenuser")
    )
    answer = visitor.submit(page, action=f"{page}/acceptance")
    assert (answer.status_code, answer.location) == (303, page)
    accepted_at = reload(booking).accepted_at
    assert accepted_at is not None
    text = visitor.get(page).text
    assert ("Contact details shared" in text, "Share my contact details" in text) == (True, False)
    token = visitor.token("/account")
    assert visitor.client.post(f"{page}/acceptance", data={"csrf_token": token}).status_code == 303
    assert reload(booking).accepted_at == accepted_at


def test_and_over_the_api(app: Flask, mira: User, victim: User, booking: Booking):
    path = f"/bookings/{booking.id}/"
    before = api(app, "GET", path, victim).json
    assert (before["user"], before["added_by"], before["accepted_at"]) == (
        {"id": victim.id, "username": "hiddenuser"},
        "Mira Lindqvist",
        None,
    )
    first, again = (api(app, "POST", f"{path}acceptance/", victim) for _ in range(2))
    assert (first.status_code, first.json["booking_id"], again.json) == (200, str(booking.id), first.json)
    assert api(app, "GET", path, mira).json["accepted_at"] == first.json["accepted_at"]


@pytest.mark.parametrize("is_claimed", [False, True], ids=["by nobody else", "and a stranger registered it"])
def test_a_newcomer_takes_it_over_by_the_mailbox_and_shares(visitor: Visitor, event: Event, is_claimed: bool):
    if is_claimed:
        make_user(email=ADDRESS)
    booking = add_booking(by=event.organizer, event_id=event.id, email=ADDRESS, first_name="New", tickets=1)
    decide(event)
    password_reset.send_reset_email(ADDRESS)
    mail = db.session.scalars(sa.select(Mail).where(Mail.kind == "reset_password")).one()
    [link] = re.findall(r"/password-reset/\S+", render_mail(mail).text)
    visitor.submit(link, {"new_password": "difference engine"})
    visitor.submit("/login", {"username": ADDRESS, "password": "difference engine"})
    assert "Share my contact details" in visitor.get(f"/bookings/{booking.id}").text
    visitor.submit(f"/bookings/{booking.id}", action=f"/bookings/{booking.id}/acceptance")
    assert reload(booking).accepted_at is not None


@on_sqlite
def test_only_the_attendee_can_share_and_own_bookings_need_no_sharing(app: Flask, mira: User, victim: User, booking: Booking):
    for person in (mira, make_user(), make_user(email=ADDRESS), make_staff()):
        assert api(app, "POST", f"/bookings/{booking.id}/acceptance/", person).status_code == 404
        with pytest.raises(NotFound):
            share_contact(user=person, booking_id=booking.id)
    assert reload(booking).accepted_at is None
    own = make_booking(user=victim)
    with pytest.raises(Conflict, match="yourself"):
        share_contact(user=victim, booking_id=own.id)
    assert "Share my contact details" not in log_in(app.test_client(), victim).get(f"/bookings/{own.id}").text
    assert "Share my contact details" not in log_in(app.test_client(), mira).get(f"/bookings/{booking.id}").text


@on_sqlite
def test_what_was_typed_goes_with_the_account(event: Event, victim: User, booking: Booking):
    anonymize([victim])
    booking = reload(booking)
    assert (booking.contact.name, booking.contact.email, found(event, "typed"), found(event, "victim")) == ("Former member", "", [], [])
