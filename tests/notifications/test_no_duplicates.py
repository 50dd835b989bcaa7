"""Five hundred people, a mail server in all its moods, and a worker that is killed: each hears once."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from evently.accounts.models import User
from evently.bookings.models import CONFIRMED, Booking
from evently.database import transaction, utc_now
from evently.events.models import Event
from evently.extensions import db
from evently.notifications.messages import send_message
from evently.notifications.models import QUEUED, SENDING, Mail
from evently.notifications.queries import list_messages
from evently.notifications.tasks import deliver
from tests.factories import make_event
from tests.harness.live import working
from tests.notifications.outbox_helpers import let_time_pass

PEOPLE, LINES = 500, 4
# A worker is a process of its own, with a broker between.
pytestmark = [pytest.mark.parametrize("site", ["postgresql"], indirect=True), pytest.mark.xdist_group("faults")]


@pytest.fixture
def full_house(app) -> Event:
    event = make_event(capacity=PEOPLE)
    people = [{"username": f"reader{n}", "email": f"reader{n}@example.org", "password_hash": "-"} for n in range(PEOPLE)]
    booked = {"event_id": event.id, "ticket_type_id": event.stock[0].ticket_type_id, "ticket_count": 1, "total_amount": 12}
    with transaction() as session:
        ids = session.scalars(sa.insert(User).returning(User.id), people).all()
        rows = [{**booked, "user_id": id_, "currency": "EUR", "status": CONFIRMED, "decided_at": utc_now()} for id_ in ids]
        # Some have two bookings.
        session.execute(sa.insert(Booking), [*rows, *rows[:50]])
    return event


def until(condition: Callable[[], bool], what: str) -> None:
    """Wake the workers, and spare them the back-off, until this is so."""
    deadline = time.monotonic() + 40
    while not condition():
        assert time.monotonic() < deadline, what
        with transaction() as session:
            session.execute(sa.update(Mail).where(Mail.status == QUEUED).values(not_before=utc_now()))
        deliver.delay()
        time.sleep(0.1)


def is_waiting(*, reason: str = "%") -> bool:
    query = sa.select(Mail.id).where(Mail.status.in_([QUEUED, SENDING]), sa.func.coalesce(Mail.last_error, "").like(reason))
    db.session.remove()
    return db.session.scalar(query.limit(1)) is not None


def test_each_of_five_hundred_hears_once(site, full_house, post_office):
    environ = {"EMAIL_HOST": post_office.host, "EMAIL_PORT": str(post_office.port), "EMAIL_TIMEOUT": "1", "EMAIL_CONNECTIONS": str(LINES)}
    organizer, event_id = full_house.organizer, full_house.id
    with working(site, **environ) as worker:
        send_message(by=organizer, event_id=event_id, audience="confirmed", body="Doors at seven.")
        until(lambda: is_waiting(reason="%refused%"), "nobody listens yet")
        # Some addresses are busy at first, and some mails are cut off in the middle.
        post_office.answers = {f"reader{n}@example.org": ["451 4.7.1 Come back later"] for n in range(0, PEOPLE, 10)}
        post_office.drops = 5
        post_office.start()
        until(lambda: len(post_office.messages) >= 100 and not post_office.drops, "mails arrive")
        post_office.is_hanging = True
        until(lambda: is_waiting(reason="%timed out%"), "the worker gives up on a server that hangs")
        post_office.restart()
        post_office.is_hanging = False
        until(lambda: len(post_office.messages) >= 200, "mails arrive after the restart")
        post_office.is_hanging = True
        # All that was taken is written down by now: each line does so before it begins its next mail.
        until(lambda: post_office.hanging == LINES, "every line hangs")
        os.kill(worker.pid, signal.SIGKILL)
        until(lambda: not post_office.hanging, "the worker is dead")
    post_office.is_hanging = False
    let_time_pass()
    with working(site, **environ):
        until(lambda: not is_waiting(), "the queue drains")
    assert Counter(post_office.recipients) == Counter(f"reader{n}@example.org" for n in range(PEOPLE))
    (sent,) = list_messages(by=organizer, event_id=event_id).items
    assert sent.states == {"queued": 0, "sending": 0, "sent": PEOPLE, "failed": 0, "suppressed": 0}
