"""What becomes of events, and what their guests are told."""

import uuid

import pytest

from evently.extensions import db
from evently.notifications.models import EVENT_CANCELLED, EVENT_MESSAGE, QUEUED, Mail
from evently.notifications.rendering import render_mail
from tests.factories import make_booking, make_event, make_staff, make_user


def test_what_became_of_a_mail(api):
    event = make_event()
    make_booking(event=event)
    (mail_id,) = api("POST", f"/admin/events/{event.id}/notify/", WORDS, by=event.organizer).json["email_tasks_queued"]
    mail = api("GET", f"/admin/mails/{mail_id}/", by=event.organizer).json
    assert (mail["id"], mail["event_id"], mail["status"], mail["attempts"]) == (mail_id, str(event.id), "queued", 0)
    assert (mail["last_error"], mail["tried_at"], mail["sent_at"]) == (None, None, None)


def test_an_event_is_cancelled_with_a_word_to_its_people(api):
    event = make_event()
    booking = make_booking(event=event)
    path = f"/admin/events/{event.id}/cancellation/"
    for nonsense in (5, "a\0b", "x" * 2001):
        refused = api("POST", path, {"message": nonsense}, by=event.organizer)
        assert (refused.status_code, list(refused.json["details"]["fields"])) == (422, ["message"]), nonsense
    response = api("POST", path, {"message": "The organ is broken."}, by=event.organizer)
    assert (response.status_code, response.json) == (200, {"event_id": str(event.id), "status": "cancelled"})
    (mail,) = db.session.query(Mail).filter_by(kind=EVENT_CANCELLED)
    assert (mail.user_id, "The organ is broken." in render_mail(mail).text) == (booking.user_id, True)
    assert api("POST", path, {}, by=event.organizer).json["details"]["code"] == "event_cancelled"
    assert api("POST", path.replace(str(event.id), str(make_event(status="draft").id)), {}, by=make_staff()).status_code == 409


def test_an_event_is_deleted_once_nobody_holds_tickets(api):
    event = make_event()
    booking = make_booking(event=event)
    path = f"/admin/events/{event.id}/delete/"
    refused = api("DELETE", path, by=event.organizer)
    assert (refused.status_code, refused.json["details"]["code"]) == (409, "has_live_bookings")
    api("DELETE", f"/bookings/{booking.id}/", by=booking.user)
    response = api("DELETE", path, by=event.organizer)
    assert (response.status_code, list(response.json.items())) == (200, [("event_id", str(event.id)), ("status", "deleted")])
    assert api("DELETE", path, by=event.organizer).status_code == 404


def test_nothing_shows_a_deleted_event_but_history(api):
    event, staff = make_event(name="Gone"), make_staff()
    booking = make_booking(event=event)
    api("DELETE", f"/bookings/{booking.id}/", by=booking.user)
    api("DELETE", f"/admin/events/{event.id}/delete/", by=staff)
    for path in (f"/user/events/{event.id}/", f"/events/{event.id}/availability/", f"/admin/events/{event.id}/details/"):
        assert api("GET", path, by=staff).status_code == 404
    assert api("POST", "/bookings/", {"event_id": str(event.id), "number_of_tickets": 1}, by=make_user()).status_code == 404
    assert api("GET", "/user/events/").json["count"] == api("GET", "/admin/events/list/", by=staff).json["count"] == 0
    assert api("GET", f"/users/{booking.user_id}/bookings/", by=booking.user).json["results"][0]["event"]["name"] == "Gone"
    assert api("GET", f"/bookings/{booking.id}/", by=booking.user).status_code == 200


WORDS = {"message": "Doors at seven.", "subject": "Tonight"}


def test_everybody_with_tickets_is_told_once(api):
    event, mira = make_event(), make_user()
    for user in (mira, mira, make_user()):
        make_booking(user=user, event=event)
    make_booking(user=make_user(email=""), event=event)
    response = api("POST", f"/admin/events/{event.id}/notify/", WORDS, by=event.organizer)
    assert response.status_code == 200
    assert list(response.json) == ["status", "message", "event_id", "users_notified", "email_tasks_queued", "users_without_email"]
    assert response.json["status"] == "success"
    assert response.json["event_id"] == str(event.id)
    assert (response.json["users_notified"], response.json["users_without_email"]) == (2, 1)
    mails = {mail.delivery_key for mail in db.session.query(Mail).filter_by(kind=EVENT_MESSAGE, status=QUEUED)}
    assert mails == {f"event-message:{uuid.UUID(task).hex}" for task in response.json["email_tasks_queued"]}


def test_the_people_of_some_bookings_are_told(api):
    event = make_event()
    booking, _ = make_booking(event=event), make_booking(event=event)
    path = f"/admin/events/{event.id}/notify/"
    answer = api("POST", path, WORDS | {"booking_ids": [str(booking.id)]}, by=event.organizer)
    assert (answer.status_code, answer.json["users_notified"]) == (200, 1)
    assert api("GET", f"/admin/mails/{answer.json['email_tasks_queued'][0]}/", by=event.organizer).status_code == 200
    for nonsense in ([], ["x"], None, "all"):
        refused = api("POST", path, WORDS | {"booking_ids": nonsense}, by=event.organizer)
        assert (refused.status_code, list(refused.json["details"]["fields"])) == (422, ["booking_ids"]), nonsense


def test_sent_twice_with_one_key_everybody_is_told_once(api):
    event = make_event()
    make_booking(event=event)
    path = f"/admin/events/{event.id}/notify/"
    first, again = (api("POST", path, WORDS, by=event.organizer, Idempotency_Key="mine") for _ in range(2))
    assert first.json == again.json
    assert db.session.query(Mail).filter_by(kind=EVENT_MESSAGE).count() == 1


def test_a_subject_may_be_left_out(api):
    event = make_event()
    assert api("POST", f"/admin/events/{event.id}/notify/", {"message": "Hello"}, by=event.organizer).json["users_notified"] == 0


NONSENSE = {"message": ["", " \n ", None, 5, ["x"], "a\0b", "x" * 5001], "subject": [None, 5, "a\x1bb", "x" * 201]}


@pytest.mark.parametrize("name", NONSENSE)
def test_words_that_are_none_are_refused_by_name(api, name):
    event = make_event()
    make_booking(event=event)
    for value in NONSENSE[name]:
        response = api("POST", f"/admin/events/{event.id}/notify/", WORDS | {name: value}, by=event.organizer)
        assert (response.status_code, list(response.json["details"]["fields"])) == (422, [name]), value
    assert db.session.query(Mail).filter_by(kind=EVENT_MESSAGE).count() == 0


def test_there_is_no_such_event(api):
    staff = make_staff()
    for event_id in ("1", "x", "00000000-0000-0000-0000-000000000000", "%00"):
        assert api("DELETE", f"/admin/events/{event_id}/delete/", by=staff).status_code == 404
        assert api("POST", f"/admin/events/{event_id}/notify/", WORDS, by=staff).status_code == 404
