"""Words are found from their beginning, in every script and whatever the case, the same on both databases."""

import flask_migrate
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evently.database import transaction
from evently.events import queries
from evently.events.filters import EventFilters
from evently.events.models import Event, TicketStock, TicketType
from evently.events.services import update_event
from evently.extensions import db
from tests.factories import make_event, make_organizer


def found(searched: str, **filters: object) -> list[str]:
    return [event.name for event in queries.list_public_events(EventFilters(search=searched, **filters), size=100).items]


@pytest.mark.parametrize(
    ("name", "searched"),
    [
        ("Jazz in the Cellar", "jazz"),
        ("Jazz in the Cellar", "cellar jazz"),
        ("Jazz in the Cellar", "cel ja"),
        ("Jazz in the Cellar", "JAZZ"),
        ("Été à Étretat", "été"),
        ("Été à Étretat", "ÉTRE"),
        ("Ørsted og Ægir", "ørs"),
        ("ørsted og ægir", "ØRSTED ÆG"),
        ("Straße der Lieder", "straß"),
        ("Žižkov, ČSOB", "žiž čsob"),
        ("Вечер джаза", "ВЕЧ"),
        ("Φως και σκιά", "ΦΩ"),
        ("東京ジャズ", "東京"),
        ("O'Neill & Sons", "o'neill"),
        ("O'Neill & Sons", "neill"),
        ("O’Neill & Sons", "o'neill"),
        ("“Curtain” – a play", "curtain"),
        ("“Curtain” – a play", "“curtain”"),
        ("Non-stop C++ and C#", "stop"),
        ("Non-stop C++ and C#", "non-stop c++"),
        ("PyCon.org 3.14", "org"),
        ("PyCon.org 3.14", "3.14"),
        ("snake_case night", "case"),
        ("B52 in 2031", "b5 20"),
        ("R&B", "r&b"),
        ("100% Wolle", "100%"),
        ("Cafe\u0301 in two signs", "two"),
        ("Café in one sign", "cafe\u0301"),
        ("🎷Sax🎷", "sax"),
    ],
)
def test_words_are_found_from_their_beginning(app, name, searched):
    make_event(name=name)
    assert found(searched) == [name]


@pytest.mark.parametrize("searched", ["azz", "ellar", "jazzy", "jazz wine", "jäzz", "!", "…", "' '", "j azz"])
def test_nothing_else_is_found(app, searched):
    make_event(name="Jazz in the Cellar")
    assert found(searched) == []


def test_each_word_may_stand_in_another_column(app):
    make_event(name="Jazz", venue="Old Cellar", description="Wine is served.")
    assert found("jazz cellar wine") == ["Jazz"]
    assert found("wine", searches_descriptions=False) == []
    assert found("jazz cellar", searches_descriptions=False) == ["Jazz"]
    assert found("", venue="cell") == ["Jazz"]
    assert found("", venue="jazz") == []
    assert found("jazz", venue="old cellar") == ["Jazz"]
    assert found("jazz", venue="new") == []


def test_it_keeps_up_with_whatever_is_written(app):
    organizer = make_organizer()
    event = make_event(by=organizer, name="Before", venue="Here", description="One")
    update_event(by=organizer, event_id=event.id, fields={"name": "After", "description": "Two"})
    assert (found("before"), found("one"), found("after"), found("two")) == ([], [], ["After"], ["After"])
    with transaction() as session:
        session.execute(sa.update(Event).values(venue="Elsewhere"))
    assert (found("here"), found("elsewhere")) == ([], ["After"])
    with transaction() as session:
        for model in (TicketStock, TicketType, Event):
            session.execute(sa.delete(model))
    make_event(name="Other")
    assert (found("after"), found("other")) == ([], ["Other"])


def test_events_that_were_there_before_the_index_are_found(app):
    make_event(name="Étude")
    db.session.commit()
    db.engine.dispose()
    flask_migrate.downgrade(revision="0003")
    flask_migrate.upgrade()
    assert found("étu") == ["Étude"]


@pytest.mark.parametrize(
    "searched",
    [
        "'",
        '"',
        "\\",
        "a' | 'b",
        ":*",
        "a:*",
        "!!a",
        "(a",
        "a)",
        "a & | b",
        "a <-> b",
        "NEAR(a b)",
        "name: a",
        "-a",
        "a*",
        "^a",
        "a NOT b",
        "{a",
    ],
)
def test_no_sign_means_anything_to_the_database(app, searched):
    make_event(name="Nothing")
    assert found(searched, venue=searched) == []


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=200))
def test_whatever_is_typed_is_only_searched_for(app, searched):
    found(searched, venue=searched)


def test_as_many_words_as_anybody_means(app):
    make_event(name="One two three four five six seven eight")
    assert len(found("one two three four five six seven eight nine ten")) == 1
    assert found("x" * 200) == []
