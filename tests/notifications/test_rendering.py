import datetime as dt
import re
from decimal import Decimal

import pytest

from evently.bookings.services import book_tickets, cancel_booking
from evently.bookings.tickets import tickets_of
from evently.events.services import cancel_event
from evently.notifications.models import FROM_ORGANIZERS, KINDS
from evently.notifications.rendering import render_mail
from tests.factories import decide, in_days, make_booking, make_event, make_user
from tests.notifications.outbox_helpers import mails, only_mail


def newest():
    return render_mail(mails()[-1])


def addresses(html):
    return re.findall(r'href="([^"]+)"', html)


def test_a_confirmation_says_what_when_where_and_how_to_cancel(concert, mira):
    booking = make_booking(user=mira, event=concert, tickets=2)
    mail = render_mail(only_mail())
    codes = [ticket.code for ticket in tickets_of(booking)]
    page = f"http://127.0.0.1:8000/bookings/{booking.id}"
    assert mail.subject == "Your 2 tickets for Nachtkonzert — im Gasometer"
    for words in (mail.text, mail.html):
        assert "Two seats are yours" in words
        assert "Hello Mira, your booking is confirmed." in words
        assert "Friday 28 November 2031, 20:30 CET" in words
        assert "Gaswerk Nord, Halle 2, Leipzig" in words
        assert "Verein für ungewöhnliche Räume e. V." in words
        assert "2 tickets" in words
        assert "€48.00" in words
        assert booking.reference in words
        assert all(code in words for code in codes)
        assert f"{page}/cancellation" in words
        assert f"{page}/tickets" in words
        assert f"{page}/calendar.ics" in words


def test_one_ticket_is_one_ticket(mira):
    event = make_event(name="Jazz", price_per_ticket=Decimal(0))
    make_booking(user=mira, event=event, tickets=1)
    mail = render_mail(only_mail())
    assert mail.subject == "Your ticket for Jazz"
    assert "One seat is yours" in mail.text
    assert re.search(r"Tickets +1 ticket\n", mail.text)
    assert re.search(r"Total +Free\n", mail.text)


def test_a_refusal_says_why_and_what_else_is_on(concert, mira):
    waiting = [make_booking(user=user, event=concert, tickets=2, decided=False) for user in (make_user(), mira)]
    decide(concert)
    assert waiting[1].status == "failed"
    mail = newest()
    assert mail.subject == "No tickets for Nachtkonzert — im Gasometer"
    for words in (mail.text, mail.html):
        assert "The house filled up just before your turn" in words
        assert "fewer than 2 seats were" in words
        assert f"http://127.0.0.1:8000/events/{concert.id}" in words
        assert "€" not in words
    assert "http://127.0.0.1:8000/?category=music&available=1" in mail.text
    assert "http://127.0.0.1:8000/?category=music&amp;available=1" in mail.html


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("sold_out", "The house filled up"),
        ("over_user_limit", "More tickets than one person can have"),
        ("event_started", "The event began before your turn"),
        ("event_not_available", "went off sale before your turn"),
    ],
)
def test_every_reason_has_its_words(concert, mira, code, words):
    make_booking(user=mira, event=concert, tickets=1)
    mail = only_mail()
    mail.kind, mail.booking.failure_code = "booking_failed", code
    rendered = render_mail(mail)
    assert words in rendered.text
    assert words in rendered.html


def test_a_cancelled_booking(concert, mira):
    booking = make_booking(user=mira, event=concert, tickets=2)
    cancel_booking(by=mira, booking_id=booking.id)
    mail = newest()
    assert mail.subject == "Cancelled: your 2 tickets for Nachtkonzert — im Gasometer"
    assert "Hello Mira, your 2 tickets are given back" in mail.text
    assert f"http://127.0.0.1:8000/events/{concert.id}" in addresses(mail.html)


def test_leaving_the_line(concert, mira):
    booking = book_tickets(user=mira, event_id=concert.id, tickets=2)
    cancel_booking(by=mira, booking_id=booking.id)
    mail = newest()
    assert mail.subject == "You left the line for Nachtkonzert — im Gasometer"
    assert "out of the line before its turn" in " ".join(mail.text.split())


def test_a_cancelled_event(concert, mira):
    make_booking(user=mira, event=concert, tickets=2)
    cancel_event(by=concert.organizer, event_id=concert.id)
    mail = newest()
    assert mail.subject == "Cancelled: Nachtkonzert — im Gasometer on Fri 28 Nov 2031"
    assert "This event is cancelled" in mail.html
    assert "and your tickets ended with it" in " ".join(mail.text.split())
    assert "Verein für ungewöhnliche Räume e. V. has called it off" in " ".join(mail.text.split())


def test_a_cancelled_event_with_words_of_its_organizer(concert, mira):
    make_booking(user=mira, event=concert)
    cancel_event(by=concert.organizer, event_id=concert.id, words=" The <organ> is broken.\r\n\r\nYour money comes back. ")
    mail = newest()
    assert "The <organ> is broken.\n\nYour money comes back.\n" in mail.text
    assert "The &lt;organ&gt; is broken.<br><br>Your money comes back.<br>" in mail.html


def test_a_confirmation_reads_the_same_after_the_booking_is_cancelled(concert, mira):
    booking = make_booking(user=mira, event=concert, tickets=2)
    before = render_mail(only_mail())
    cancel_booking(by=mira, booking_id=booking.id)
    assert render_mail(mails()[0]) == before


def test_nothing_is_said_of_cancelling_where_it_was_too_late_from_the_start(concert, mira):
    event = make_event(time=in_days(3), cancellation_deadline=in_days(-1))
    make_booking(user=mira, event=event)
    assert "cancel" not in newest().text


@pytest.mark.parametrize("kind", FROM_ORGANIZERS)
def test_what_people_typed_stays_text(kind, mira):
    event = make_event(name="<script>alert(1)</script> & Söhne", venue="<b>Hall</b>")
    make_booking(user=mira, event=event)
    mail = only_mail()
    mail.kind = kind
    rendered = render_mail(mail)
    assert "<script>" not in rendered.html
    assert "<b>Hall" not in rendered.html
    assert "<script>alert(1)</script> & Söhne" in rendered.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; Söhne" in rendered.html


@pytest.mark.parametrize("kind", KINDS)
def test_links_begin_with_the_address_people_know(app, kind, mira, monkeypatch):
    monkeypatch.setitem(app.config, "SITE_URL", "https://tickets.example.org/box")
    make_booking(user=mira)
    mail = only_mail()
    mail.kind = kind
    rendered = render_mail(mail)
    found = addresses(rendered.html) + re.findall(r"http\S+", rendered.text)
    assert found
    assert all(address.startswith("https://tickets.example.org/box") for address in found), found


def test_times_are_those_of_the_place(mira):
    make_booking(user=mira, event=make_event(timezone="America/New_York", time=dt.datetime(2031, 6, 1, 0, 30, tzinfo=dt.UTC)))
    assert "Saturday 31 May 2031, 20:30 EDT" in newest().text
