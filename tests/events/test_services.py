"""What organizers do with events, and who may."""

import datetime as dt
import uuid
from decimal import Decimal

import pytest

from evently.bookings.consistency import check
from evently.database import transaction
from evently.errors import Conflict, Invalid, NotAllowed, NotFound
from evently.events.models import Event, TicketStock, TicketType
from evently.events.queries import get_event
from evently.events.services import (
    add_events,
    cancel_event,
    create_event,
    discard_draft,
    new_event,
    publish_event,
    update_event,
)
from evently.extensions import db
from tests.factories import in_days, make_booking, make_event, make_organizer, make_staff, make_superuser, make_user, reload
from tests.harness.site import fresh

LEAST = {"name": "Nachtkonzert", "venue": "Gaswerk Nord", "time": in_days(10), "capacity": 400}


@pytest.fixture
def organizer(app):
    return make_organizer()


def refused(call, **arguments) -> dict[str, list[str]]:
    with pytest.raises(Invalid) as refusal:
        call(**arguments)
    return refusal.value.fields


def test_a_created_event_is_on_sale_at_once(organizer, app):
    event = create_event(by=organizer, fields=LEAST | {"price_per_ticket": Decimal(24)})
    fresh()
    event = get_event(event.id)
    assert (event.status, event.organizer_id, event.price_per_ticket) == ("published", organizer.id, Decimal("24.00"))
    assert (event.currency, event.timezone) == (app.config["DEFAULT_CURRENCY"], app.config["DEFAULT_TIMEZONE"])
    assert (event.capacity, event.available_tickets, event.reserved_tickets) == (400, 400, 0)
    assert [(kind.name, kind.price) for kind in event.ticket_types] == [("General admission", Decimal(24))]
    assert list(check()) == []


def test_a_draft_is_created_on_request(organizer):
    assert create_event(by=organizer, fields=LEAST | {"status": "draft"}).status == "draft"


def test_white_space_around_words_is_dropped(organizer):
    event = create_event(by=organizer, fields=LEAST | {"name": "  Nachtkonzert \n", "summary": " kurz "})
    assert (event.name, event.summary) == ("Nachtkonzert", "kurz")


def test_only_a_description_has_lines(organizer):
    event = create_event(by=organizer, fields=LEAST | {"name": "Nacht\r\nkonzert", "venue": "Halle\t7", "description": "Eins.\n\nZwei."})
    assert (event.name, event.venue, event.description) == ("Nacht konzert", "Halle 7", "Eins.\n\nZwei.")


@pytest.mark.parametrize("missing", ["name", "venue", "time", "capacity"])
def test_what_an_event_cannot_do_without(organizer, missing):
    fields = {name: value for name, value in LEAST.items() if name != missing}
    assert refused(create_event, by=organizer, fields=fields) == {missing: ["This is needed."]}
    assert refused(create_event, by=organizer, fields=LEAST | {missing: None}) == {missing: ["This is needed."]}
    assert db.session.query(Event).count() == 0


def test_a_refused_event_leaves_nothing_behind(organizer):
    refused(create_event, by=organizer, fields=LEAST | {"time": in_days(-1)})
    refused(create_event, by=organizer, fields=LEAST | {"capacity": 0})
    assert [db.session.query(table).count() for table in (Event, TicketType, TicketStock)] == [0, 0, 0]


def test_past_events_are_created_where_they_are_meant(organizer):
    assert create_event(by=organizer, fields=LEAST | {"time": in_days(-1)}, allow_past=True).has_started


def test_a_field_nobody_knows_is_a_mistake_of_ours(organizer):
    with pytest.raises(TypeError, match="organizer_id"):
        create_event(by=organizer, fields=LEAST | {"organizer_id": 1})


@pytest.mark.parametrize(("make", "may"), [(make_user, False), (make_organizer, True), (make_staff, True), (make_superuser, True)])
def test_who_creates(app, make, may):
    user = make()
    if may:
        assert create_event(by=user, fields=LEAST).organizer == user
    else:
        with pytest.raises(NotAllowed):
            create_event(by=user, fields=LEAST)


@pytest.mark.parametrize(("make", "may"), [(make_user, False), (make_organizer, False), (make_staff, True), (make_superuser, True)])
@pytest.mark.parametrize("verb", ["update", "publish", "cancel"])
def test_who_manages_the_events_of_others(app, make, may, verb):
    user, event = make(), make_event(status="published" if verb == "cancel" else "draft")
    call = {
        "update": lambda: update_event(by=user, event_id=event.id, fields={"name": "Other"}),
        "publish": lambda: publish_event(by=user, event_id=event.id),
        "cancel": lambda: cancel_event(by=user, event_id=event.id),
    }[verb]
    if may:
        call()
    else:
        with pytest.raises(NotAllowed):
            call()
    fresh()
    done = {"update": event.name == "Other", "publish": event.status == "published", "cancel": event.status == "cancelled"}
    assert done[verb] == may


def test_an_organizer_whose_role_was_taken_away_manages_nothing(app):
    organizer = make_organizer()
    event = make_event(by=organizer)
    with transaction():
        organizer.is_organizer = False
    with pytest.raises(NotAllowed):
        update_event(by=organizer, event_id=event.id, fields={})


def test_many_events_are_written_in_four_statements(organizer, app):
    events = [new_event(by=organizer, fields=LEAST | {"source_id": str(number)}) for number in range(50)]
    statements = []

    def note(*arguments: object) -> None:
        statements.append(str(arguments[2]).split()[:3])

    db.event.listen(db.engine, "before_cursor_execute", note)
    add_events(events)
    db.event.remove(db.engine, "before_cursor_execute", note)
    assert [words[2] for words in statements if words[0] == "INSERT"] == ["events", "ticket_types", "ticket_stock", "audit_entries"]
    assert list(check()) == []


def test_only_what_is_given_changes(organizer):
    event = make_event(by=organizer, summary="before", description="text")
    update_event(by=organizer, event_id=event.id, fields={"summary": "after", "price_per_ticket": Decimal(9)})
    fresh()
    assert (event.summary, event.description, event.price_per_ticket) == ("after", "text", Decimal(9))
    assert event.ticket_types[0].price == Decimal(9)


def test_a_change_is_judged_together_with_what_stays(organizer):
    event = make_event(by=organizer, ends_at=in_days(31))
    assert list(refused(update_event, by=organizer, event_id=event.id, fields={"time": in_days(32)})) == ["ends_at"]
    update_event(by=organizer, event_id=event.id, fields={"time": in_days(32), "ends_at": None})


def test_an_event_cannot_be_moved_into_the_past(organizer):
    event = make_event(by=organizer)
    assert list(refused(update_event, by=organizer, event_id=event.id, fields={"time": in_days(-2)})) == ["time"]
    update_event(by=organizer, event_id=event.id, fields={"time": in_days(-2)}, allow_past=True)


def test_sales_may_be_ended_at_once_and_a_broken_rule_is_judged_when_it_is_touched(organizer):
    event = make_event(by=organizer, time=in_days(5))
    update_event(by=organizer, event_id=event.id, fields={"sales_end": in_days(-1)})
    assert refused(update_event, by=organizer, event_id=event.id, fields={"sales_end": in_days(6)}).keys() == {"sales_end"}
    assert refused(update_event, by=organizer, event_id=event.id, fields={"time": in_days(-2)}).keys() == {"time", "sales_end"}
    with transaction():
        event.sales_end = in_days(6)
    assert update_event(by=organizer, event_id=event.id, fields={"name": "Renamed"}).name == "Renamed"


def test_a_draft_whose_sales_are_over_is_not_published(organizer):
    event = make_event(by=organizer, status="draft", sales_end=in_days(-1), cancellation_deadline=in_days(-1))
    assert refused(publish_event, by=organizer, event_id=event.id).keys() == {"sales_end", "cancellation_deadline"}


def test_the_text_of_a_past_event_may_still_be_corrected(organizer):
    event = make_event(by=organizer, time=in_days(-2))
    assert update_event(by=organizer, event_id=event.id, fields={"summary": "It was good."}).summary == "It was good."


def test_what_is_published_does_not_become_a_draft(organizer):
    event = make_event(by=organizer)
    assert list(refused(update_event, by=organizer, event_id=event.id, fields={"status": "draft"})) == ["status"]


def test_a_draft_goes_on_sale(organizer):
    event = make_event(by=organizer, status="draft")
    assert publish_event(by=organizer, event_id=event.id).is_active
    assert publish_event(by=organizer, event_id=event.id).is_active


def test_a_draft_of_the_past_does_not(organizer):
    event = make_event(by=organizer, status="draft", time=in_days(-1))
    assert list(refused(publish_event, by=organizer, event_id=event.id)) == ["time"]


def test_a_cancelled_event_stays_as_it_is(organizer):
    event = make_event(by=organizer)
    cancel_event(by=organizer, event_id=event.id)
    for call in (cancel_event, publish_event, lambda **who: update_event(**who, fields={"name": "Again"})):
        with pytest.raises(Conflict) as refusal:
            call(by=organizer, event_id=event.id)
        assert refusal.value.code == "event_cancelled"


def test_cancelling_ends_every_booking_with_the_event(organizer):
    event = make_event(by=organizer)
    confirmed, waiting = make_booking(event=event, tickets=2), make_booking(event=event, decided=False)
    cancel_event(by=organizer, event_id=event.id)
    assert [reload(booking).status for booking in (confirmed, waiting)] == ["cancelled", "cancelled"]
    assert event.reserved_tickets == 0
    assert list(check()) == []


def test_a_draft_is_discarded_and_nothing_else(organizer):
    draft, published = make_event(by=organizer, status="draft"), make_event(by=organizer)
    discard_draft(by=organizer, event_id=draft.id)
    with pytest.raises(NotFound):
        get_event(draft.id)
    with pytest.raises(Conflict) as refusal:
        discard_draft(by=organizer, event_id=published.id)
    assert refusal.value.code == "not_a_draft"
    with pytest.raises(NotAllowed):
        discard_draft(by=make_organizer(), event_id=published.id)


def test_a_draft_cannot_be_cancelled(organizer):
    with pytest.raises(Conflict) as refusal:
        cancel_event(by=organizer, event_id=make_event(by=organizer, status="draft").id)
    assert refusal.value.code == "event_is_draft"


def test_what_has_started_cannot_be_cancelled(organizer):
    event = make_event(by=organizer, time=in_days(-1))
    with pytest.raises(Conflict) as refusal:
        cancel_event(by=organizer, event_id=event.id)
    assert refusal.value.code == "event_started"


def test_capacity_goes_down_to_what_is_sold_and_no_further(organizer):
    event = make_event(by=organizer, capacity=10)
    make_booking(event=event, tickets=4)
    with pytest.raises(Conflict, match="4 tickets are already sold") as refusal:
        update_event(by=organizer, event_id=event.id, fields={"capacity": 3, "name": "Smaller"})
    assert (refusal.value.code, list(refusal.value.fields)) == ("below_sold", ["capacity"])
    fresh()
    assert (event.capacity, event.name == "Smaller") == (10, False)
    assert update_event(by=organizer, event_id=event.id, fields={"capacity": 4}).is_sold_out


@pytest.mark.parametrize("verb", [cancel_event, publish_event, lambda **who: update_event(**who, fields={})])
def test_an_event_that_is_not_there(organizer, verb):
    with pytest.raises(NotFound):
        verb(by=organizer, event_id=uuid.uuid4())


def test_times_are_kept_to_the_second_and_shown_in_the_events_zone(organizer):
    start = dt.datetime(2027, 7, 1, 18, 30, tzinfo=dt.UTC)
    event = create_event(by=organizer, fields=LEAST | {"time": start, "timezone": "Europe/Berlin"})
    fresh()
    event = get_event(event.id)
    assert event.time == start
    assert event.local_time.strftime("%H:%M %Z") == "20:30 CEST"
