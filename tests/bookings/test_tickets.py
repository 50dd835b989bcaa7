"""Codes that lead back to their seat, signatures that a door can check alone, and who may see a ticket."""

import base64
import uuid

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from evently.bookings.models import CODE_ALPHABET, Booking, CheckIn
from evently.bookings.services import cancel_booking
from evently.bookings.ticket_codes import decode_code, encode_code, public_key_pem, sign_ticket, spaced
from evently.bookings.tickets import get_ticket, list_tickets, tickets_of
from evently.database import transaction, utc_now
from evently.errors import NotFound
from evently.events.services import cancel_event
from tests.factories import make_booking, make_event, make_organizer, make_staff, make_user, reload


def test_a_code_leads_back_to_its_seat(app):
    @given(seq=st.integers(1, 2**38), seat=st.integers(1, 1_000_000))
    def leads_back(seq: int, seat: int) -> None:
        code = encode_code(seq, seat)
        assert set(code) <= set(CODE_ALPHABET)
        assert decode_code(code) == (seq, seat)

    leads_back()


def test_a_code_is_short_until_numbers_get_huge(app):
    assert {len(encode_code(seq, seat)) for seq in (1, 10**9) for seat in (1, 32)} == {8}
    assert {len(encode_code(seq, seat)) for seq, seat in ((1, 33), (10**11, 1), (1, 1_000_000))} == {12}


def test_no_two_seats_share_a_code_and_neighbours_look_nothing_alike(app):
    codes = {encode_code(seq, seat) for seq in range(1, 401) for seat in range(1, 6)}
    assert len(codes) == 2000
    # Each place of a code takes every letter about as often: nobody sees in one which comes next.
    for place in range(8):
        assert len({code[place] for code in codes}) == len(CODE_ALPHABET)
    assert sum(a == b for a, b in zip(encode_code(7, 1), encode_code(7, 2), strict=True)) <= 3


def test_another_secret_makes_other_codes(app, monkeypatch):
    code = encode_code(5, 1)
    monkeypatch.setitem(app.config, "TICKET_SECRET", "another")
    assert encode_code(5, 1) != code
    assert decode_code(code) != (5, 1)


def test_a_code_may_be_written_as_people_write(app):
    code = encode_code(389, 2)
    for written in (spaced(code), spaced(code, "-"), code.lower(), f" {code[:3]} {code[3:]}\n"):
        assert decode_code(written) == (389, 2)


@pytest.mark.parametrize("written", ["", "7K4M", "7K4M29Q0", "7K4M 29Q!", "7K4M29QDX", "ÄÖÜß29QD", "\uff12" * 8, "A" * 5000])
def test_what_is_no_code_is_no_code(app, written):
    assert decode_code(written) is None


def test_few_invented_codes_are_tickets(app):
    """Of 30^8 codes, those of ten thousand bookings with five seats each are one in thirteen million."""
    made_up = ("".join(CODE_ALPHABET[(number * 7919 + place * 104729) % 30] for place in range(8)) for number in range(2000))
    meant = [decode_code(code) for code in made_up]
    assert not [pair for pair in meant if pair and pair[0] <= 10_000 and pair[1] <= 5]


def check_as_a_door_would(content: str) -> tuple[str, uuid.UUID]:
    """What docs/tickets.md tells doors to do."""
    key = load_pem_public_key(public_key_pem().encode())
    assert isinstance(key, Ed25519PublicKey)
    said, _, signature = content.rpartition(".")
    key.verify(base64.b32decode(signature + "="), said.encode())
    form, code, event = said.split(".")
    assert form == "EV1"
    return code, uuid.UUID(bytes=base64.b32decode(event + "======"))


def test_a_door_can_check_a_signature_with_the_public_key_alone(app):
    event_id = uuid.uuid4()
    content = sign_ticket("7K4M29QD", event_id)
    assert check_as_a_door_would(content) == ("7K4M29QD", event_id)
    assert set(content) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.")
    for forged in (content.replace("7K4M", "7K4N"), sign_ticket("7K4M29QD", uuid.uuid4())[:-103] + content[-103:]):
        with pytest.raises(InvalidSignature):
            check_as_a_door_would(forged)


def test_one_ticket_for_each_seat_with_a_code_of_its_own(app):
    booking = make_booking(tickets=3)
    tickets = list_tickets(by=booking.user, booking_id=booking.id)
    assert [ticket.seat for ticket in tickets] == [1, 2, 3]
    assert len({ticket.code for ticket in tickets}) == 3
    assert {ticket.state for ticket in tickets} == {"valid"}
    assert [get_ticket(by=booking.user, code=ticket.code).seat for ticket in tickets] == [1, 2, 3]
    assert sum(ticket.price for ticket in tickets) == booking.total_amount


def test_who_came_has_used_the_ticket(app):
    booking = make_booking(tickets=2)
    with transaction() as session:
        session.add(CheckIn(booking_seq=booking.seq, event_id=booking.event_id, seat=2, admitted_at=utc_now()))
    assert [ticket.state for ticket in list_tickets(by=booking.user, booking_id=booking.id)] == ["valid", "used"]
    assert [get_ticket(by=booking.user, code=encode_code(booking.seq, seat)).state for seat in (1, 2)] == ["valid", "used"]


def test_a_booking_that_ends_voids_its_tickets(app):
    booking, other = make_booking(tickets=2), make_booking()
    cancel_booking(by=booking.user, booking_id=booking.id)
    cancel_event(by=other.event.organizer, event_id=other.event_id)
    for ended in (booking, other):
        assert {ticket.state for ticket in list_tickets(by=ended.user, booking_id=ended.id)} == {"void"}


def test_what_was_never_confirmed_has_no_tickets(app):
    event = make_event(capacity=3)
    failed, waiting, left = (make_booking(event=event, tickets=2, decided=False) for _ in range(3))
    cancel_booking(by=left.user, booking_id=left.id)
    with transaction() as session:
        session.execute(
            update(Booking).where(Booking.id == failed.id).values(status="failed", failure_code="sold_out", decided_at=utc_now())
        )
    for booking, status in ((failed, "failed"), (waiting, "processing"), (left, "cancelled")):
        assert reload(booking).status == status
        assert tickets_of(reload(booking)) == []
        with pytest.raises(NotFound):
            get_ticket(by=booking.user, code=encode_code(booking.seq, 1))


def test_holder_organizer_and_staff_see_it_and_nobody_else(app):
    organizer = make_organizer()
    booking = make_booking(event=make_event(by=organizer))
    code = encode_code(booking.seq, 1)
    for person in (booking.user, organizer, make_staff()):
        assert get_ticket(by=person, code=code).booking.id == booking.id
    for person in (make_user(), make_organizer()):
        with pytest.raises(NotFound):
            get_ticket(by=person, code=code)


def test_a_seat_that_the_booking_does_not_have_is_no_ticket(app):
    booking = make_booking(tickets=2)
    for code in (encode_code(booking.seq, 3), encode_code(booking.seq + 1000, 1), "2222 2222"):
        with pytest.raises(NotFound):
            get_ticket(by=booking.user, code=code)
