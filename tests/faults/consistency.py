"""What the database holds after a sale, and what must be true of it whatever broke."""

import contextlib
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa

from evently.bookings import consistency
from tests.faults.sale import Sale
from tests.harness.site import Site

# seconds; two sweeps and the restart of what was killed, which take ten on an idle machine
SOON = 60.0

# Written by the database itself, so that a decision made twice shows, whoever makes it.
DECISIONS = """
CREATE TABLE decisions (booking_id uuid, before text, after text);
CREATE FUNCTION note_decision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO decisions VALUES (NEW.id, OLD.status, NEW.status);
  RETURN NULL;
END $$;
CREATE TRIGGER note_decision AFTER UPDATE ON bookings FOR EACH ROW EXECUTE FUNCTION note_decision();
"""


class Books:
    """The database, read over connections of our own that are opened anew each time: others may be broken."""

    def __init__(self, site: Site) -> None:
        self._site = site
        url = sa.make_url(site.environ["DATABASE_URL"]).set(drivername="postgresql+psycopg2")
        self.engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args={"application_name": "test"})

    def execute(self, script: str) -> None:
        with self.engine.begin() as connection:
            connection.exec_driver_sql(script)

    def rows(self, statement: str, **values: Any) -> list[Any]:
        with self.engine.begin() as connection:
            return list(connection.execute(sa.text(statement), values))

    def value(self, statement: str, **values: Any) -> Any:
        [[value]] = self.rows(statement, **values)
        return value

    def waiting(self, sale: Sale) -> int:
        return self.value("SELECT count(*) FROM bookings WHERE event_id = :event AND status = 'processing'", event=sale.event_id)

    def decided(self, sale: Sale) -> int:
        return self.value("SELECT count(*) FROM bookings WHERE event_id = :event AND decided_at IS NOT NULL", event=sale.event_id)

    @contextlib.contextmanager
    def held_batch(self, sale: Sale, *, at_least: int = 10) -> Iterator[list[Any]]:
        """Stop the allocator in the middle of a batch, some of it written and nothing committed, until the block ends.

        Yields the connections that wait, as (pid, name): what decides, in the midst of its batch.
        """
        one = "SELECT id FROM bookings WHERE event_id = :event AND status = 'processing' ORDER BY seq OFFSET :half LIMIT 1 FOR UPDATE"
        with self.engine.connect() as connection:
            with self.locked_stock(sale):
                until(lambda: self.waiting(sale) >= at_least, within=60, what=lambda: f"{at_least} wait; {self._standing(sale)}")
                connection.execute(sa.text(one), {"event": sale.event_id, "half": at_least // 2})
                pid = connection.scalar(sa.text("SELECT pg_backend_pid()"))
            until(lambda: bool(self.blocked_by(pid)), within=60, what="an allocator is in the middle of the batch")
            yield self.blocked_by(pid)
            # The server may have ended this connection, too.
            connection.invalidate()

    def _standing(self, sale: Sale) -> str:
        """What a test that waits in vain says of it."""
        asked = "SELECT application_name, state, wait_event, left(query, 60) FROM pg_stat_activity WHERE application_name <> ''"
        return f"{self.waiting(sale)} do, {len(sale.answers)} were answered, {dict(sale.troubles)}; {self.rows(asked)}"

    @contextlib.contextmanager
    def locked_stock(self, sale: Sale) -> Iterator[None]:
        """Keep allocators waiting before their next batch until the block ends."""
        with self.engine.connect() as connection:
            connection.execute(sa.text("SELECT 1 FROM ticket_stock WHERE event_id = :event FOR UPDATE"), {"event": sale.event_id})
            yield

    def blocked_by(self, pid: int) -> list[Any]:
        """The connections that wait for a lock of this one, as (pid, name)."""
        return self.rows("SELECT pid, application_name FROM pg_stat_activity WHERE :pid = ANY(pg_blocking_pids(pid))", pid=pid)

    def names_waiting(self) -> set[str]:
        """Whose connections wait for a lock."""
        return {name for (name,) in self.rows("SELECT application_name FROM pg_stat_activity WHERE wait_event_type = 'Lock'")}

    def wait_until_decided(self, sale: Sale, *, within: float = SOON) -> None:
        until(lambda: self.waiting(sale) == 0, within=within, what="every booking is decided")

    def check(self, sale: Sale) -> None:
        """Everything that must be true once the queue is empty."""
        rows = self.rows("SELECT id, user_id, status, decided_at FROM bookings WHERE event_id = :event", event=sale.event_id)
        status = {row.id: row.status for row in rows}
        lost = [answer.booking_id for answer in sale.acknowledged if answer.booking_id not in status]
        assert not lost, "acknowledged and not there"
        assert len({row.user_id for row in rows}) == len(rows), "asked again with the same key and booked twice"
        assert set(status.values()) <= {"confirmed", "failed"}
        assert all(row.decided_at for row in rows)
        self._check_decided_once(set(status))
        confirmed = Counter(status.values())["confirmed"]
        reserved, capacity = self.rows("SELECT reserved, capacity FROM ticket_stock WHERE event_id = :event", event=sale.event_id)[0]
        assert reserved == confirmed == min(capacity, len(rows))
        self._check_order(sale, status)
        with self._site.app.app_context():
            assert list(consistency.check()) == []

    def _check_decided_once(self, ids: set[uuid.UUID]) -> None:
        steps = self.rows("SELECT booking_id, before, after FROM decisions WHERE booking_id = ANY(:ids)", ids=list(ids))
        assert {(step.before, step.after) for step in steps} <= {("processing", "confirmed"), ("processing", "failed")}
        assert Counter(step.booking_id for step in steps) == Counter(ids)

    @staticmethod
    def _check_order(sale: Sale, status: dict[uuid.UUID, str]) -> None:
        """Nobody got a seat who came after somebody without one had been answered; all want one ticket."""
        failed = [answer.answered_at for answer in sale.acknowledged if status[answer.booking_id] == "failed"]
        confirmed = [answer.asked_at for answer in sale.acknowledged if status[answer.booking_id] == "confirmed"]
        assert max(confirmed) <= min(failed, default=float("inf"))


def until(condition: Callable[[], bool], *, within: float, what: str | Callable[[], str]) -> float:
    """The seconds until the condition held; fails when it takes longer than `within`."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < within, f"not within {within:g} seconds: {what() if callable(what) else what}"
        time.sleep(0.02)
    return time.monotonic() - started
