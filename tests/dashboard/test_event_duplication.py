"""An event before everybody sees it, and an event once more."""

import datetime as dt
import io
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from evently.accounts.models import User
from evently.audit.models import AuditEntry
from evently.database import transaction
from evently.events.models import Event
from evently.extensions import db
from tests.dashboard.reading import errors
from tests.dashboard.test_covers import picture
from tests.factories import in_days, make_booking, make_event, make_organizer, make_staff
from tests.harness.visitor import Visitor

# What is tested is not the database's.
pytestmark = pytest.mark.parametrize("site", ["sqlite"], indirect=True)
BERLIN = ZoneInfo("Europe/Berlin")


def copy(desk: Visitor, event: Event, **fields: str):
    return desk.submit(f"/dashboard/events/{event.id}/copy", fields)


def newest() -> Event:
    return db.session.scalars(select(Event).order_by(Event.created_at.desc())).first()


def test_a_copy_has_everything_but_the_bookings_and_keeps_its_distances(desk: Visitor, mira: User):
    start = dt.datetime(2034, 3, 20, 20, tzinfo=BERLIN)
    event = make_event(
        by=mira,
        name="Seerunde",
        time=start,
        timezone="Europe/Berlin",
        ends_at=start + dt.timedelta(hours=3),
        sales_start=in_days(-30),
        sales_end=start - dt.timedelta(hours=2),
        description="Long",
        max_tickets_per_user=4,
        source_id="feed:7",
    )
    desk.submit(f"/dashboard/events/{event.id}/edit", {"cover": (io.BytesIO(picture()), "a.jpg"), "cover_alt": "A lake"})
    make_booking(event=event)
    page = desk.get(f"/dashboard/events/{event.id}/copy").text
    assert 'value="Seerunde"' in page
    assert "2034-03-20" not in page.split("<form")[-1]
    # Across the change to summer time.
    answer = copy(desk, event, time="2034-04-03T20:00")
    draft = newest()
    assert (answer.status_code, answer.location) == (303, f"/dashboard/events/{draft.id}/edit")
    assert (draft.id != event.id, draft.status, draft.source_id, draft.reserved_tickets) == (True, "draft", None, 0)
    same = ("name", "venue", "description", "capacity", "max_tickets_per_user", "cover_digest", "cover_alt", "timezone", "organizer_id")
    assert {name: getattr(draft, name) for name in same} == {name: getattr(event, name) for name in same}
    new_start = dt.datetime(2034, 4, 3, 20, tzinfo=BERLIN)
    assert (draft.time, draft.ends_at, draft.sales_end) == (new_start, new_start.replace(hour=23), new_start.replace(hour=18))
    assert draft.sales_start is None
    assert draft.ticket_types[0].price == event.price_per_ticket


def test_a_copy_needs_a_date_to_come(desk: Visitor, mira: User):
    event = make_event(by=mira)
    for time, said in (("", "Say when it starts."), ("2024-01-01T20:00", "Choose a moment in the future.")):
        answer = copy(desk, event, time=time)
        assert (answer.status_code, errors(answer.text)) == (422, {"time": said})
    assert newest().id == event.id


def test_the_same_form_sent_twice_makes_one_copy(desk: Visitor, mira: User):
    event = make_event(by=mira)
    address = f"/dashboard/events/{event.id}/copy"
    fields = dict(next(form for form in desk.forms(address) if form.action == address).fields) | {"time": "2034-06-01T20:00"}
    assert desk.client.post(address, data=fields).location == desk.client.post(address, data=fields).location
    assert len(db.session.scalars(select(Event)).all()) == 2


def test_staff_copy_for_the_organizer(desk_of, mira: User):
    event = make_event(by=mira)
    staff = make_staff()
    copy(desk_of(staff), event, time="2034-06-01T20:00")
    assert newest().organizer_id == mira.id
    made = select(AuditEntry.actor_id).where(AuditEntry.action == "event.created", AuditEntry.subject_id == str(newest().id))
    assert db.session.scalar(made) == staff.id


def test_what_somebody_left_who_organizes_no_more_is_copied_by_staff_for_themselves(desk_of, mira: User):
    event, staff = make_event(by=mira), make_staff()
    with transaction():
        mira.is_organizer = False
    assert copy(desk_of(staff), event, time="2034-06-01T20:00").status_code == 303
    assert newest().organizer_id == staff.id


def test_a_draft_is_seen_as_it_will_be_and_by_its_managers_only(desk: Visitor, desk_of, visitor: Visitor, mira: User):
    draft = make_event(by=mira, status="draft", description="**Bold** words")
    address = f"/dashboard/events/{draft.id}/preview"
    page = desk.get(address).text
    assert "<strong>Bold</strong> words" in page
    assert "How many tickets?" in page
    assert 'id="book" aria-label="Book tickets" inert' in page
    assert f"/events/{draft.id}/seats" not in page
    assert 'content="noindex"' in page
    assert draft.status == "draft"
    assert desk_of(make_organizer()).get(address).status_code == 403
    assert visitor.get(address).status_code == 303
    poster = f"/events/{draft.id}/poster.svg"
    assert [person.get(poster).status_code for person in (desk, visitor)] == [200, 404]
    assert desk.submit(address, action=f"/dashboard/events/{draft.id}/publication").status_code == 303
    assert desk.get(address).location == f"/events/{draft.id}"
