"""What administrative changes leave behind, with the change or not at all."""

import datetime as dt
import uuid
from decimal import Decimal

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from evently.accounts.account_deletion import delete_users
from evently.accounts.roles import change_role, set_role
from evently.accounts.services import create_staff, create_superuser
from evently.accounts.suspension import reinstate, revoke_sessions, revoke_tokens, suspend
from evently.audit.models import AuditEntry
from evently.audit.services import record
from evently.bookings.services import cancel_booking
from evently.database import transaction
from evently.events.cover_images import Picture, remove_cover, set_cover
from evently.events.services import cancel_event, delete_event, publish_event, update_event
from evently.extensions import db
from evently.notifications.models import FAILED, Mail
from evently.notifications.retries import retry_all, retry_mail
from tests.factories import api_token, make_booking, make_event, make_organizer, make_staff, make_superuser, make_user

pytestmark = pytest.mark.parametrize("site", ["sqlite"], indirect=True)


def entries() -> list[tuple]:
    rows = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id))
    return [(row.actor_id, row.action, row.subject_id, row.changes) for row in rows]


def test_what_was_changed_is_kept_as_json(app):
    changes = {
        "time": (dt.datetime(2027, 1, 2, tzinfo=dt.UTC), None),
        "price": (Decimal("1.50"), Decimal(2)),
        "of": (None, uuid.UUID(int=1)),
    }
    with transaction():
        record(actor_id=None, action="event.updated", subject="event", subject_id=uuid.UUID(int=2), changes=changes)
    kept = {"time": ["2027-01-02T00:00:00+00:00", None], "price": ["1.50", "2"], "of": [None, str(uuid.UUID(int=1))]}
    assert entries() == [(None, "event.updated", str(uuid.UUID(int=2)), kept)]


def test_a_change_that_is_undone_leaves_nothing(app):
    user = make_user(username="ada")

    def change_and_fail() -> None:
        with transaction():
            set_role(user=user, role="staff")
            make_user(username="Ada")

    with pytest.raises(IntegrityError):
        change_and_fail()
    assert entries() == []


def test_secrets_are_refused(app):
    with pytest.raises(ValueError, match="secret"):
        record(actor_id=None, action="user.created", subject="user", subject_id=1, changes={"password": (None, "open sesame")})


def test_everything_done_to_people_is_kept(app):
    by, user = make_superuser(), make_user()
    api_token(user)
    assert revoke_tokens(by=by, user_id=user.id) == 1
    assert revoke_sessions(by=by, user_id=user.id) == 0
    change_role(by=by, user_id=user.id, role="organizer", is_held=True)
    # Nothing changes, so there is nothing to tell.
    change_role(by=by, user_id=user.id, role="organizer", is_held=True)
    suspend(by=by, user_id=user.id)
    suspend(by=by, user_id=user.id)
    reinstate(by=by, user_id=user.id)
    id_ = str(user.id)
    assert entries() == [
        (by.id, "user.tokens_revoked", id_, {"tokens": [1, 0]}),
        (by.id, "user.role_changed", id_, {"is_organizer": [False, True]}),
        (by.id, "user.suspended", id_, {"is_active": [True, False]}),
        (by.id, "user.reinstated", id_, {"is_active": [False, True]}),
    ]


def test_accounts_that_come_and_go_are_kept_without_their_names(app):
    by = make_superuser()
    staff = create_staff(by=by, username="frontdesk", password="correct horse", profile={"email": "frontdesk@example.org"})
    for name in ("load-1", "load-2"):
        make_user(username=name)
    assert delete_users(by=by, prefix="load-", dry_run=True) == delete_users(by=by, prefix="load-") == 2
    assert entries() == [
        (by.id, "user.created", str(staff.id), {"is_staff": [None, True]}),
        (by.id, "user.deleted", "", {"prefix": [None, "load-"], "people": [2, 0]}),
    ]


def test_what_operators_do_has_nobody_for_its_actor(app):
    user = create_superuser(username="root", email="root@example.org", password="correct horse")
    set_role(user=user, role="staff", is_held=False)
    roles = {name: [None, True] for name in ("is_superuser", "is_staff", "is_organizer")}
    assert entries() == [
        (None, "user.created", str(user.id), roles),
        (None, "user.role_changed", str(user.id), {"is_staff": [True, False]}),
    ]


def test_everything_done_to_an_event_is_kept(app):
    by = make_organizer()
    event = make_event(by=by, status="draft", name="Organ night", capacity=10)
    update_event(by=by, event_id=event.id, fields={"capacity": 12, "price_per_ticket": Decimal("12.5"), "venue": event.venue})
    # As it is already.
    update_event(by=by, event_id=event.id, fields={"capacity": 12})
    publish_event(by=by, event_id=event.id)
    staff = make_staff()
    cancel_event(by=staff, event_id=event.id)
    delete_event(by=staff, event_id=event.id)
    *kept, archived = entries()
    id_ = str(event.id)
    assert kept == [
        (by.id, "event.created", id_, {"name": [None, "Organ night"], "status": [None, "draft"]}),
        (by.id, "event.updated", id_, {"capacity": [10, 12]}),
        (by.id, "event.published", id_, {"status": ["draft", "published"]}),
        (staff.id, "event.cancelled", id_, {"status": ["published", "cancelled"]}),
    ]
    assert (archived[:3], archived[3]["archived_at"][0]) == ((staff.id, "event.archived", id_), None)


def test_a_cover_is_kept_by_its_digest(app):
    event = make_event()
    picture = Picture("0" * 64, b"small", b"large")
    set_cover(by=event.organizer, event_id=event.id, picture=picture, alt="An organ")
    remove_cover(by=event.organizer, event_id=event.id)
    assert [changes for _, action, _, changes in entries() if action == "event.updated"] == [
        {"cover_digest": [None, "0" * 64], "cover_alt": ["", "An organ"]},
        {"cover_digest": ["0" * 64, None], "cover_alt": ["An organ", ""]},
    ]


def test_a_booking_that_somebody_else_cancels_is_kept(app):
    event = make_event()
    own, others = make_booking(event=event), make_booking(event=event)
    cancel_booking(by=own.user, booking_id=own.id)
    cancel_booking(by=event.organizer, booking_id=others.id)
    assert entries()[1:] == [(event.organizer_id, "booking.cancelled", str(others.id), {"status": ["confirmed", "cancelled"]})]


def test_sending_mail_again_is_kept_by_the_mails_number(app):
    by, user = make_superuser(), make_user()
    mails = [Mail(delivery_key=str(n), kind="booking_confirmed", to_address=user.email, user=user, status=FAILED) for n in range(3)]
    with transaction() as session:
        session.add_all(mails)
    retry_mail(by=by, mail_id=mails[0].id)
    assert (retry_all(by=by), retry_all(by=by)) == (2, 0)
    assert entries() == [
        (by.id, "mail.retried", str(mails[0].id), {"status": ["failed", "queued"]}),
        (by.id, "mail.retried", "", {"failed": [2, 0]}),
    ]
