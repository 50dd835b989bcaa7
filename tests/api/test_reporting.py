"""How events sell, as the API tells it; tests/reporting checks the figures."""

from evently.bookings.services import cancel_booking
from evently.database import utc_now
from tests.factories import make_booking, make_event, make_staff


def test_figures_over_everything(api):
    event = make_event(name="Jazz", capacity=8)
    make_booking(event=event, tickets=2)
    response = api("GET", "/admin/analytics/", by=event.organizer)
    assert response.status_code == 200
    assert list(response.json) == ["total_bookings", "most_popular_events", "capacity_utilization"]
    assert response.json == {
        "total_bookings": 1,
        "most_popular_events": [{"event_id": str(event.id), "name": "Jazz", "bookings": 1}],
        "capacity_utilization": [{"event_id": str(event.id), "name": "Jazz", "utilization_percentage": 25.0}],
    }
    make_booking(event=make_event())
    assert api("GET", "/admin/analytics/", by=event.organizer).json["total_bookings"] == 1
    assert api("GET", "/admin/analytics/", by=make_staff()).json["total_bookings"] == 2


def test_figures_of_one_event(api):
    event = make_event()
    for booking in [make_booking(event=event, tickets=2) for _ in range(3)][:1]:
        cancel_booking(by=booking.user, booking_id=booking.id)
    response = api("GET", f"/admin/analytics/{event.id}/", by=event.organizer)
    assert response.status_code == 200
    assert list(response.json.items()) == [
        ("event_id", str(event.id)),
        ("total_bookings", 2),
        ("cancellation_rate", 33.33),
        ("daily_bookings", [{"date": utc_now().date().isoformat(), "bookings": 2}]),
    ]


def test_there_is_no_such_event(api):
    staff = make_staff()
    for event_id in ("1", "x", "00000000-0000-0000-0000-000000000000", "%00", "9" * 300):
        assert api("GET", f"/admin/analytics/{event_id}/", by=staff).status_code == 404
