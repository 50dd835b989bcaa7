"""Whose a token is may come from memory; whether it still works never does."""

import psycopg2
import pytest
import sqlalchemy as sa

from evently.accounts.models import ApiToken, User
from evently.accounts.tokens import issue_token
from evently.bookings.models import Booking
from evently.bookings.request_locks import event_lock
from evently.database import transaction
from evently.extensions import db
from tests.factories import make_event, make_user


@pytest.fixture
def buyer(api):
    """Somebody with a token that has just been used to book."""
    user = make_user()
    token = issue_token(user=user).token
    return user, book(api, make_event(), token) and token


def book(api, event, token):
    return api("POST", "/bookings/", {"event_id": str(event.id), "number_of_tickets": 1}, Authorization=f"Token {token}")


def elsewhere(statement):
    """As another process does it, of which this one's memory hears nothing."""
    with transaction() as session:
        session.execute(statement.execution_options(synchronize_session=False))


@pytest.mark.parametrize("ending", ["revoked", "suspended"])
def test_a_token_that_was_ended_a_moment_ago_books_nothing(api, buyer, ending):
    user, token = buyer
    event = make_event()
    elsewhere(
        sa.delete(ApiToken).where(ApiToken.user_id == user.id)
        if ending == "revoked"
        else sa.update(User).where(User.id == user.id).values(is_active=False)
    )
    response = book(api, event, token)
    assert (response.status_code, response.json["details"]["code"]) == (401, "invalid_token")
    assert db.session.query(Booking).filter_by(event_id=event.id).count() == 0


def test_the_second_booking_reads_no_token(api, buyer):
    statements = []
    sa.event.listen(db.engine, "before_cursor_execute", lambda *heard: statements.append(heard[2]))
    _, token = buyer
    statements.clear()
    assert book(api, make_event(), token).status_code == 201
    assert [words for words in statements if words.startswith("SELECT api_tokens")] == []


def test_what_one_may_do_besides_never_comes_from_memory(api, buyer):
    user, token = buyer
    other = make_user()
    body = {"event_id": str(make_event().id), "number_of_tickets": 1, "user_id": other.id}
    assert api("POST", "/bookings/", body, Authorization=f"Token {token}").status_code == 403
    elsewhere(sa.update(User).where(User.id == user.id).values(is_staff=True))
    assert api("POST", "/bookings/", body, Authorization=f"Token {token}").status_code == 201


def test_another_process_that_books_for_the_same_person_is_noticed(app, api):
    if db.engine.dialect.name != "postgresql":
        pytest.skip("on SQLite all who book are in one process")
    event, user = make_event(), make_user()
    other = psycopg2.connect(db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False))
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", (user.id, event_lock(event.id)))
        body = {"event_id": str(event.id), "number_of_tickets": 1}
        busy = api("POST", "/bookings/", body, by=user)
        assert (busy.status_code, busy.json["details"]["code"], busy.headers["Retry-After"]) == (409, "booking_in_progress", "1")
        # Others, and other events, do not wait.
        assert api("POST", "/bookings/", body, by=make_user()).status_code == 201
        assert api("POST", "/bookings/", body | {"event_id": str(make_event().id)}, by=user).status_code == 201
    other.close()
    assert api("POST", "/bookings/", body, by=user).status_code == 201
