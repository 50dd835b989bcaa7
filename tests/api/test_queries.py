"""No list asks the database once per row."""

import contextlib

import pytest
import sqlalchemy as sa

from evently.extensions import db
from tests.factories import auth, make_booking, make_event, make_organizer, make_staff, make_user


@contextlib.contextmanager
def statements():
    seen = []

    def note(_connection, _cursor, statement, *_):
        seen.append(statement)

    sa.event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", note)


@pytest.mark.parametrize("path", ["/user/events/", "/admin/events/list/", "/users/{user}/bookings/", "/admin/events/{event}/bookings/"])
def test_a_long_page_takes_as_many_statements_as_a_short_one(client, path):
    staff, user, one = make_staff(), make_user(), make_event()
    headers, address = auth(staff), "/api" + path.format(user=user.id, event=one.id)
    # The token's last use is written once.
    client.get(address, headers=headers)
    counts = []
    for rows in (1, 4):
        for _ in range(rows):
            make_booking(user=user, event=one if "{event}" in path else make_event(by=make_organizer()), decided=False)
        with statements() as seen:
            assert len(client.get(address, headers=headers).json["results"]) >= rows
        counts.append(len(seen))
    assert counts[0] == counts[1]
