import datetime as dt
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import func, select

from evently.accounts.models import User
from evently.database import transaction
from evently.events.models import Event
from evently.extensions import db
from tests.dashboard.reading import errors, words
from tests.factories import in_days, make_booking, make_event
from tests.harness.visitor import Visitor

NEW = "/dashboard/events/new"
BERLIN = ZoneInfo("Europe/Berlin")
# Standard and summer time change on 26 March and 29 October.
YEAR = 2034
SKIPPED, TWICE = f"{YEAR}-03-26T02:30", f"{YEAR}-10-29T02:30"
EVERYTHING: dict[str, Any] = {
    "name": "Nachtkonzert im Gasometer",
    "summary": "Orgel und Dunkelheit.",
    "category": "music",
    "website": "https://gasometer.example",
    "description": "# Programm\n\nEin **Konzert**.",
    "venue": "Gasometer, Wien",
    "time": f"{YEAR}-11-28T20:30",
    "ends_at": f"{YEAR}-11-28T23:00",
    "timezone": "Europe/Berlin",
    "capacity": "400",
    "price_per_ticket": "24.50",
    "currency": "CHF",
    "max_tickets_per_booking": "6",
    "max_tickets_per_user": "8",
    "sales_start": f"{YEAR}-06-01T10:00",
    "sales_end": f"{YEAR}-11-28T18:00",
    "cancellation_deadline": f"{YEAR}-11-21T23:59",
}


def edit(event: Event) -> str:
    return f"/dashboard/events/{event.id}/edit"


def count_events() -> int:
    return db.session.scalar(select(func.count()).select_from(Event)) or 0


def only_event() -> Event:
    return db.session.scalars(select(Event)).one()


def test_every_field_is_kept(desk: Visitor, mira: User):
    as_browsers_send = {"description": EVERYTHING["description"].replace("\n", "\r\n")}
    answer = desk.submit(NEW, EVERYTHING | as_browsers_send | {"status": "published"})
    event = only_event()
    assert (answer.status_code, answer.location) == (303, f"/dashboard/events/{event.id}")
    assert {name: getattr(event, name) for name in EVERYTHING} == EVERYTHING | {
        "time": dt.datetime(YEAR, 11, 28, 20, 30, tzinfo=BERLIN),
        "ends_at": dt.datetime(YEAR, 11, 28, 23, tzinfo=BERLIN),
        "capacity": 400,
        "price_per_ticket": Decimal("24.50"),
        "max_tickets_per_booking": 6,
        "max_tickets_per_user": 8,
        "sales_start": dt.datetime(YEAR, 6, 1, 10, tzinfo=BERLIN),
        "sales_end": dt.datetime(YEAR, 11, 28, 18, tzinfo=BERLIN),
        "cancellation_deadline": dt.datetime(YEAR, 11, 21, 23, 59, tzinfo=BERLIN),
    }
    assert (event.organizer_id, event.status) == (mira.id, "published")
    assert "The event is published." in desk.get(answer.location).text


def test_a_few_fields_are_enough(desk: Visitor, app: Flask):
    fields = {"name": "Talk", "venue": "Aula", "time": f"{YEAR}-05-01 19:00", "capacity": "30", "price_per_ticket": "0"}
    assert desk.submit(NEW, fields).status_code == 303
    event = only_event()
    assert (event.status, event.currency, event.timezone, event.is_free) == (
        "published",
        app.config["DEFAULT_CURRENCY"],
        app.config["DEFAULT_TIMEZONE"],
        True,
    )
    assert (event.ends_at, event.sales_start, event.max_tickets_per_user, event.cancellation_deadline) == (None, None, None, None)


def test_a_draft_is_saved_found_again_and_published_from_the_editor(desk: Visitor):
    desk.submit(NEW, EVERYTHING | {"status": "draft"})
    event = only_event()
    assert event.status == "draft"
    assert desk.get(f"/events/{event.id}").status_code == 404
    assert desk.submit(edit(event), {"name": "Morgenkonzert", "status": "draft"}).status_code == 303
    assert (event.name, event.status) == ("Morgenkonzert", "draft")
    assert desk.submit(edit(event), {"status": "published"}).status_code == 303
    assert event.status == "published"


def test_the_editor_shows_what_is_stored_and_saving_changes_nothing(desk: Visitor):
    desk.submit(NEW, EVERYTHING)
    event = only_event()
    before = {name: getattr(event, name) for name in EVERYTHING}
    form = next(form for form in desk.forms(edit(event)) if form.method == "post" and form.action == edit(event))
    assert {name: value for name, value in form.fields if name in EVERYTHING} == EVERYTHING
    desk.submit(edit(event))
    assert {name: getattr(event, name) for name in EVERYTHING} == before


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"name": " "}, {"name": "Give the event a name."}),
        ({"name": "x" * 201}, {"name": "Use at most 200 characters."}),
        ({"venue": ""}, {"venue": "Say where it takes place."}),
        ({"time": ""}, {"time": "Say when it starts."}),
        ({"time": "tomorrow"}, {"time": "Enter a date and a time, such as 2027-03-28 20:30."}),
        ({"time": "2020-01-01T20:00"}, {"time": "Choose a moment in the future."}),
        ({"time": "0001-01-01T00:00"}, {"time": "Choose a year from 2000 to 2999."}),
        ({"ends_at": f"{YEAR}-11-28T20:00"}, {"ends_at": "The end must not come before the start."}),
        ({"sales_end": f"{YEAR}-01-01T00:00"}, {"sales_end": "Sales must end after they begin."}),
        ({"cancellation_deadline": f"{YEAR}-12-24T00:00"}, {"cancellation_deadline": "Cancelling must end before the event starts."}),
        ({"timezone": "Mars/Base"}, {"timezone": "Choose a time zone like Europe/Berlin."}),
        ({"category": "opera"}, {"category": "Choose one of the categories."}),
        ({"currency": "ZZZ"}, {"currency": "Choose one of the currencies."}),
        ({"capacity": ""}, {"capacity": "Say how many seats there are."}),
        ({"capacity": "many"}, {"capacity": "Enter a whole number, such as 120."}),
        ({"capacity": "0"}, {"capacity": "Choose 1 to 1,000,000 seats."}),
        ({"capacity": "-5"}, {"capacity": "Choose 1 to 1,000,000 seats."}),
        ({"capacity": "1_0"}, {"capacity": "Enter a whole number, such as 120."}),
        ({"capacity": "9" * 30}, {"capacity": "Choose 1 to 1,000,000 seats."}),
        ({"price_per_ticket": "cheap"}, {"price_per_ticket": "Enter an amount, such as 12.50."}),
        ({"price_per_ticket": "1_0"}, {"price_per_ticket": "Enter an amount, such as 12.50."}),
        ({"price_per_ticket": "-1"}, {"price_per_ticket": "Choose 0 to 99,999,999.99, with at most two decimals."}),
        ({"price_per_ticket": "1.999"}, {"price_per_ticket": "Choose 0 to 99,999,999.99, with at most two decimals."}),
        ({"price_per_ticket": "NaN"}, {"price_per_ticket": "Enter an amount, such as 12.50."}),
        ({"price_per_ticket": "sNaN"}, {"price_per_ticket": "Enter an amount, such as 12.50."}),
        ({"max_tickets_per_booking": "0"}, {"max_tickets_per_booking": "Choose 1 or more, or leave it empty."}),
        ({"website": "javascript:alert(1)"}, {"website": "Begin with https:// or http://."}),
        ({"summary": "a\0b"}, {"summary": "Remove the control characters."}),
        ({"time": SKIPPED}, {"time": "Clocks go forward that night, so 02:30 does not exist; 03:30 does."}),
    ],
)
def test_what_is_wrong_is_said_beside_the_field_and_nothing_is_written(desk: Visitor, fields: dict[str, str], expected: dict[str, str]):
    # Without what the changed field would have to fit to.
    loose = EVERYTHING | ({"ends_at": "", "sales_end": "", "sales_start": "", "cancellation_deadline": ""} if "time" in fields else {})
    answer = desk.submit(NEW, loose | fields)
    assert answer.status_code == 422
    assert errors(answer.text) == expected
    assert f'href="#{next(iter(expected))}"' in answer.text
    assert 'id="error-summary"' in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert count_events() == 0


def test_mistakes_are_told_all_at_once_and_what_was_typed_stays(desk: Visitor):
    answer = desk.submit(
        NEW, EVERYTHING | {"name": "", "capacity": "lots", "ends_at": SKIPPED, "venue": "Halle <7>", "website": "gasometer"}
    )
    assert set(errors(answer.text)) == {"name", "website", "capacity", "ends_at"}
    assert "Four things need another look" in answer.text
    for typed in ('value="lots"', f'value="{SKIPPED}"', 'value="Halle &lt;7&gt;"', "Ein **Konzert**.", 'value="24.50"'):
        assert typed in answer.text
    assert '<option selected value="Europe/Berlin">' in answer.text


def test_an_unknown_state_is_refused(desk: Visitor):
    answer = desk.submit(NEW, EVERYTHING | {"status": "cancelled"})
    assert answer.status_code == 422
    assert "Choose draft or published." in answer.text
    assert count_events() == 0


def test_an_hour_that_happens_twice_is_the_first_one(desk: Visitor):
    desk.submit(NEW, EVERYTHING | {"time": TWICE, "ends_at": "", "sales_end": "", "cancellation_deadline": ""})
    assert only_event().time == dt.datetime(YEAR, 10, 29, 0, 30, tzinfo=dt.UTC)


def test_saving_does_not_move_what_was_not_touched(desk: Visitor, mira: User):
    """Neither the second of two equal hours nor the seconds that the form does not show."""
    second_time = dt.datetime(YEAR, 10, 29, 1, 30, 17, tzinfo=dt.UTC)
    event = make_event(by=mira, time=second_time, timezone="Europe/Berlin", sales_end=second_time)
    desk.submit(edit(event), {"name": "New name"})
    assert (event.name, event.time, event.sales_end) == ("New name", second_time, second_time)


def test_another_zone_moves_the_clock_with_it(desk: Visitor, mira: User):
    event = make_event(by=mira, time=dt.datetime(YEAR, 1, 15, 20, tzinfo=BERLIN), timezone="Europe/Berlin")
    desk.submit(edit(event), {"timezone": "America/New_York"})
    assert event.time == dt.datetime(YEAR, 1, 15, 20, tzinfo=ZoneInfo("America/New_York"))


def test_a_zone_that_is_no_place_stays_on_the_list(desk: Visitor, mira: User):
    event = make_event(by=mira, timezone="Etc/GMT+5")
    assert '<option selected value="Etc/GMT+5">' in desk.get(edit(event)).text
    desk.submit(edit(event), {"name": "New name"})
    assert (event.name, event.timezone) == ("New name", "Etc/GMT+5")


def test_capacity_is_never_below_what_is_sold(desk: Visitor, mira: User):
    event = make_event(by=mira, capacity=10)
    make_booking(event=event, tickets=4)
    assert "Not fewer than the 4 tickets sold." in desk.get(edit(event)).text
    answer = desk.submit(edit(event), {"capacity": "3", "name": "New name"})
    assert answer.status_code == 422
    assert errors(answer.text) == {"capacity": "4 tickets are already sold; capacity cannot go below that."}
    assert 'value="3"' in answer.text
    assert (event.capacity, event.name == "New name") == (10, False)
    seen = desk.submit(edit(event), {"capacity": "4"}).text.split('name="seen" value="')[1].split('"')[0]
    assert desk.submit(edit(event), {"capacity": "4", "seen": seen}).status_code == 303
    assert (event.capacity, event.available_tickets) == (4, 0)


def test_a_past_event_can_be_corrected_but_not_moved_into_the_past(desk: Visitor, mira: User):
    event = make_event(by=mira, time=in_days(-3))
    assert desk.submit(edit(event), {"description": "It was lovely."}).status_code == 303
    assert event.description == "It was lovely."
    assert errors(desk.submit(edit(event), {"time": "2024-01-01T20:00"}).text) == {"time": "Choose a moment in the future."}


def test_a_published_event_does_not_go_back_into_draft(desk: Visitor, mira: User):
    event = make_event(by=mira)
    assert "Save as draft" not in desk.get(edit(event)).text
    answer = desk.submit(edit(event), {"status": "draft"})
    assert answer.status_code == 422
    assert "not taken back into draft" in answer.text
    assert event.status == "published"


def test_an_event_cancelled_meanwhile_is_not_changed(desk: Visitor, mira: User):
    event = make_event(by=mira, name="Old name")
    token = desk.token(edit(event))
    with transaction():
        event.status = "cancelled"
    fields = EVERYTHING | {"csrf_token": token, "name": "New name"}
    answer = desk.client.post(edit(event), data=fields)
    assert answer.status_code == 422
    assert "This event is cancelled." in answer.text
    assert event.name == "Old name"


def test_the_same_form_sent_twice_makes_one_event(desk: Visitor):
    form = next(form for form in desk.forms(NEW) if form.action == NEW)
    fields = dict(form.fields) | EVERYTHING
    first, second = (desk.client.post(NEW, data=fields) for _ in range(2))
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.location == second.location
    assert count_events() == 1


def test_corrected_input_is_taken_after_a_refusal(desk: Visitor):
    refused = desk.submit(NEW, EVERYTHING | {"capacity": "0"})
    key = refused.text.split('name="idempotency_key" value="')[1].split('"')[0]
    answer = desk.client.post(NEW, data=EVERYTHING | {"csrf_token": desk.token(NEW), "idempotency_key": key})
    assert answer.status_code == 303


def test_a_description_is_previewed_as_it_will_look_and_harmless(desk: Visitor):
    fields = {"csrf_token": desk.token(NEW), "description": "# Hello\n\n**bold** <script>alert(1)</script> [x](javascript:alert(1))"}
    answer = desk.client.post("/dashboard/events/description", data=fields, headers={"HX-Request": "true"})
    assert answer.text.strip().startswith('<div id="description-preview"')
    assert "<h3>Hello</h3>" in answer.text
    assert "<strong>bold</strong>" in answer.text
    assert "<script" not in answer.text
    assert 'href="javascript' not in answer.text
    empty = desk.client.post("/dashboard/events/description", data=fields | {"description": " "})
    assert "no description yet" in words(empty.text)


def test_a_new_event_starts_in_the_zone_of_the_last_one(desk: Visitor, mira: User):
    make_event(by=mira, timezone="Europe/Lisbon")
    make_event(by=mira, timezone="Asia/Tokyo")
    make_event(timezone="Europe/Oslo")
    assert '<option selected value="Asia/Tokyo">' in desk.get(NEW).text
