"""People who leave: what they hold goes back, who they were is forgotten, what happened stays."""

import pytest

from evently.accounts.account_deletion import anonymize, delete_users
from evently.accounts.models import ApiToken, User
from evently.accounts.passwords import is_correct
from evently.bookings import consistency
from evently.bookings.models import Booking
from evently.database import transaction
from evently.errors import Invalid, NotAllowed
from evently.events.queries import get_event
from evently.extensions import db
from evently.notifications.models import BOOKING_CONFIRMED, Mail
from tests.factories import PASSWORD, api_token, in_days, make_booking, make_event, make_organizer, make_staff, make_superuser, make_user
from tests.harness.site import fresh

WHO = {"first_name": "Ada", "last_name": "Lovelace", "phone_number": "+44 20 7946", "address": "12 St James's Square"}


def test_nothing_tells_who_an_anonymised_person_was(app):
    user = make_user(username="ada", email="ada@example.org", **WHO)
    api_token(user)
    make_booking(user=user)
    anonymize([user])
    fresh()
    row = db.session.get(User, user.id)
    assert not {"ada", "ada@example.org", *WHO.values()} & {str(value) for value in vars(row).values()}
    assert (row.is_active, row.anonymised_at is not None) == (False, True)
    assert not is_correct(row.password_hash, PASSWORD)
    assert db.session.query(ApiToken).count() == 0
    assert [mail.to_address for mail in db.session.query(Mail)] == [""]


def test_tickets_for_what_is_to_come_go_back_and_nobody_is_written_to(app):
    user, other, event = make_user(), make_user(), make_event(capacity=10)
    kept, confirmed = make_booking(user=other, event=event, tickets=2), make_booking(user=user, event=event, tickets=3)
    waiting = make_booking(user=user, event=event, decided=False)
    anonymize([user])
    fresh()
    assert {booking.id: booking.status for booking in db.session.query(Booking)} == {
        confirmed.id: "cancelled", waiting.id: "cancelled", kept.id: "confirmed",
    }  # fmt: skip
    assert get_event(event.id).available_tickets == 8
    assert list(consistency.check()) == []
    mails = db.session.query(Mail).filter_by(user_id=user.id)
    assert [(mail.kind, mail.status) for mail in mails] == [(BOOKING_CONFIRMED, "suppressed")]


def test_what_was_stays_history(app):
    event = make_event()
    booking = make_booking(event=event)
    with transaction():
        db.session.get(type(event), event.id).time = in_days(-1)
    anonymize([booking.user])
    fresh()
    assert db.session.get(Booking, booking.id).status == "confirmed"


def test_two_anonymised_people_do_not_get_in_each_others_way(app):
    anonymize([make_user(), make_user()])
    anonymize([make_user()])
    assert db.session.query(User).filter(User.anonymised_at.is_not(None)).count() == 3


def usernames():
    fresh()
    return sorted(user.username for user in db.session.query(User) if user.anonymised_at is None)


def test_people_are_deleted_by_the_beginning_of_their_name(app):
    admin = make_superuser(username="admin")
    for name in ("load-1", "LOAD-2", "load_3", "loaf", "overload-1"):
        make_user(username=name)
    assert delete_users(by=admin, prefix="load-", dry_run=True) == 2
    assert len(usernames()) == 6
    assert delete_users(by=admin, prefix="Load-") == 2
    assert usernames() == ["admin", "load_3", "loaf", "overload-1"]
    assert db.session.query(User).count() == 4
    assert delete_users(by=admin, prefix="load-") == 0


def test_people_with_a_history_are_anonymised_once(app):
    admin = make_superuser(username="admin")
    user = make_user(username="test-1")
    make_booking(user=user)
    assert delete_users(by=admin, prefix="test-") == 1
    fresh()
    assert db.session.get(User, user.id).anonymised_at is not None
    assert delete_users(by=admin, prefix="(deleted-") == 0


def test_whoever_has_a_role_stays(app):
    admin = make_superuser(username="test-admin")
    make_organizer(username="test-organizer")
    make_staff(username="test-staff")
    assert delete_users(by=admin, prefix="test-", dry_run=True) == 0
    assert delete_users(by=admin, prefix="test-") == 0


def test_many_are_deleted_portion_by_portion(app, monkeypatch):
    monkeypatch.setattr("evently.accounts.account_deletion.BATCH_SIZE", 3)
    admin, event = make_superuser(), make_event(capacity=20)
    for number in range(8):
        make_booking(user=make_user(username=f"bot-{number}"), event=event, tickets=2)
    assert delete_users(by=admin, prefix="bot-") == 8
    fresh()
    assert get_event(event.id).available_tickets == 20
    assert list(consistency.check()) == []


@pytest.mark.parametrize("prefix", ["", "ab", "  a  ", "   ", "x" * 151])
def test_a_prefix_that_is_too_short_or_nobodys_is_refused(app, prefix):
    with pytest.raises(Invalid) as refusal:
        delete_users(by=make_superuser(), prefix=prefix)
    assert list(refusal.value.fields) == ["prefix"]


@pytest.mark.parametrize("maker", [make_user, make_organizer, make_staff])
def test_only_superusers_delete_people(app, maker):
    with pytest.raises(NotAllowed):
        delete_users(by=maker(), prefix="test-")
