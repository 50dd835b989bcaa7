"""The audit log in words: every action that is written down anywhere has some, and nobody has to read an id."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import evently
from evently.accounts.models import User
from evently.bookings.manual_bookings import add_booking
from evently.bookings.models import BULK_KINDS
from evently.bookings.services import cancel_booking
from evently.dashboard.audit_labels import ACTIONS
from evently.events.import_rows import ImportDefaults, import_events
from evently.events.imports.rows import Row
from evently.notifications.messages import send_message
from tests.factories import log_in, make_booking, make_event, make_superuser
from tests.harness.visitor import Visitor

ACTION = re.compile(r"(event|booking|user|mail)\.[a-z_]*[a-z]")


def strings(node: ast.AST) -> Iterator[str]:
    """What this expression may come to; of a condition the outcomes."""
    if isinstance(node, ast.IfExp):
        yield from (*strings(node.body), *strings(node.orelse))
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def recorded() -> set[str]:
    """Every action in the sources: as a whole, or as a verb of `note` or a kind of bulk action."""
    found = {f"event.bookings_{kind}" for kind in BULK_KINDS}
    for path in Path(evently.__file__).parent.rglob("*.py"):
        text = path.read_text()
        if "evently.audit.services" not in text and "evently.events.audit" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "record_update":
                found |= {f"event.{verb}" for verb in strings(node.args[0])}
            elif isinstance(node, ast.Constant) and ACTION.fullmatch(str(node.value)):
                found.add(node.value)
    return found


def test_every_action_has_words():
    actions = recorded()
    assert {"event.cancelled", "event.published", "event.message_sent", "user.suspended", "event.bookings_admit"} <= actions
    assert actions - ACTIONS.keys() == set()


@pytest.mark.parametrize("site", ["sqlite"], indirect=True)
def test_nobody_has_to_read_an_id(visitor: Visitor, mira: User):
    event, root = make_event(by=mira), make_superuser()
    manual = add_booking(by=mira, event_id=event.id, email="ada@example.org", first_name="Ada", tickets=1)
    cancelled = make_booking(event=event)
    cancel_booking(by=mira, booking_id=cancelled.id)
    send_message(by=mira, event_id=event.id, audience="confirmed", body="Doors at seven.")
    rows = [Row(1, {"name": "Walk", "venue": "Wood", "start": "2034-06-01"})]
    list(import_events(by=mira, rows=rows, fills=ImportDefaults(capacity=9)))
    log_in(visitor.client, root)
    assert '<option value="event.message_sent">' in visitor.get("/dashboard/admin/audit").text
    page = visitor.get("/dashboard/admin/audit", htmx=True).text
    words = ("Imported an event", "Wrote to the people of an event", "to: People with tickets", manual.reference, cancelled.reference)
    assert [word for word in words if word not in page] == []
    assert str(manual.id) not in page
    assert "Imported an event" not in visitor.get("/dashboard/admin/audit?action=event.created", htmx=True).text
