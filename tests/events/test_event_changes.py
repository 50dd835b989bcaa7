"""What is said to the domains above when an event changes, and what becomes of two who change it at once."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from evently.accounts.models import User
from evently.errors import Conflict, Invalid
from evently.events.models import Event
from evently.events.services import update_event
from evently.events.signals import event_changed
from tests.factories import in_days, make_event, make_organizer

# What is tested is not the database's.
pytestmark = pytest.mark.parametrize("site", ["sqlite"], indirect=True)


@pytest.fixture
def organizer(app) -> User:
    return make_organizer()


@pytest.fixture
def heard() -> Iterator[list[dict[str, tuple[Any, Any]]]]:
    news: list[dict[str, tuple[Any, Any]]] = []

    def hear(_event: Event, changes: dict[str, tuple[Any, Any]]) -> None:
        news.append(changes)

    with event_changed.connected_to(hear):
        yield news


def test_whoever_holds_tickets_is_to_hear_of_another_time_and_place_once(organizer, heard):
    event = make_event(by=organizer, venue="Old hall", time=in_days(10))
    before, after = event.time, in_days(12)
    update_event(by=organizer, event_id=event.id, fields={"time": after, "venue": "New hall", "name": "Other name", "timezone": "UTC"})
    assert heard == [{"time": (before, after), "venue": ("Old hall", "New hall")}]


@pytest.mark.parametrize("fields", [{"name": "Other"}, {"capacity": 50}, {"description": "More"}, {"venue": " Hall "}, {"ends_at": None}])
def test_nobody_is_bothered_with_the_rest(organizer, heard, fields):
    event = make_event(by=organizer, venue="Hall")
    update_event(by=organizer, event_id=event.id, fields=fields)
    assert heard == []


def test_nobody_knows_of_a_draft_and_nobody_comes_to_what_is_over(organizer, heard):
    draft = make_event(by=organizer, status="draft")
    update_event(by=organizer, event_id=draft.id, fields={"venue": "Elsewhere", "status": "published"})
    over = make_event(by=organizer, time=in_days(-2))
    update_event(by=organizer, event_id=over.id, fields={"venue": "Elsewhere"})
    assert heard == []
    update_event(by=organizer, event_id=over.id, fields={"time": in_days(2)})
    assert [set(changes) for changes in heard] == [{"time"}]


def test_what_is_refused_is_not_told(organizer, heard):
    event = make_event(by=organizer)
    with pytest.raises(Invalid):
        update_event(by=organizer, event_id=event.id, fields={"venue": "Elsewhere", "capacity": 0})
    assert heard == []


def test_the_second_of_two_editors_is_told_and_writes_nothing(organizer):
    event = make_event(by=organizer, name="First")
    version = event.updated_at
    update_event(by=organizer, event_id=event.id, fields={"name": "Second"}, version=version)
    with pytest.raises(Conflict) as refusal:
        update_event(by=organizer, event_id=event.id, fields={"name": "Third"}, version=version)
    assert (refusal.value.code, event.name) == ("changed_meanwhile", "Second")
    update_event(by=organizer, event_id=event.id, fields={"name": "Third"}, version=event.updated_at)
    assert event.name == "Third"
    assert event.updated_at - version < dt.timedelta(minutes=1)
