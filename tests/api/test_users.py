"""Staff accounts, and the removal of many people at once."""

import pytest

from evently.accounts.models import User
from evently.extensions import db
from tests.factories import PASSWORD, make_booking, make_event, make_superuser, make_user

NEW = {"username": "grace", "email": "grace@example.org", "password": "nanoseconds"}


def test_a_superuser_makes_staff(api):
    response = api("POST", "/admin/users/staff/", NEW | {"first_name": "Grace"}, by=make_superuser())
    assert response.status_code == 201
    assert list(response.json) == ["id", "username", "email", "is_staff"]
    assert response.json == {"id": response.json["id"], "username": "grace", "email": "grace@example.org", "is_staff": True}
    token = api("POST", "/user/auth/login/", {"username": "grace", "password": "nanoseconds"}).json["token"]
    assert api("GET", "/admin/events/list/", Authorization=f"Token {token}").status_code == 200
    assert api("POST", "/admin/users/staff/", NEW, Authorization=f"Token {token}").status_code == 403


def test_staff_are_no_superusers_whatever_is_sent(api):
    api("POST", "/admin/users/staff/", NEW | {"is_superuser": True, "is_organizer": True}, by=make_superuser())
    grace = db.session.query(User).filter_by(username="grace").one()
    assert (grace.is_staff, grace.is_superuser, grace.is_organizer) == (True, False, False)


def test_the_rules_are_those_of_a_registration(api):
    make_user(username="grace")
    response = api("POST", "/admin/users/staff/", NEW | {"password": "short", "email": "x"}, by=make_superuser())
    assert (response.status_code, response.json["details"]["fields"].keys()) == (422, {"password", "email"})
    taken = api("POST", "/admin/users/staff/", NEW, by=make_superuser())
    assert (taken.status_code, taken.json["details"]["fields"].keys()) == (422, {"username"})


def test_people_are_counted_and_then_deleted(api):
    admin, event = make_superuser(), make_event(capacity=10)
    guest = make_user(username="load-1")
    make_user(username="Load-2")
    make_booking(user=guest, event=event, tickets=4)
    for body, left in (({"prefix": "load-", "dry_run": True}, 6), ({"prefix": "load-"}, 10)):
        response = api("POST", "/admin/users/bulk_delete/", body, by=admin)
        assert response.status_code == 200
        assert list(response.json.items()) == [("deleted_users", 2), ("prefix", "load-")]
        assert api("GET", f"/events/{event.id}/availability/").json["available_tickets"] == left
    assert api("POST", "/admin/users/bulk_delete/", {"prefix": "load-"}, by=admin).json["deleted_users"] == 0
    assert api("POST", "/user/auth/login/", {"username": "load-1", "password": PASSWORD}).status_code == 401
    history = api("GET", f"/users/{guest.id}/bookings/", by=admin).json
    assert [row["status"] for row in history["results"]] == ["cancelled"]


def test_whoever_was_deleted_is_out_at_once(api):
    user = make_user(username="load-1")
    token = api("POST", "/user/auth/login/", {"username": "load-1", "password": PASSWORD}).json["token"]
    assert api("GET", "/user/auth/me/", Authorization=f"Token {token}").status_code == 200
    make_booking(user=user)
    api("POST", "/admin/users/bulk_delete/", {"prefix": "load-"}, by=make_superuser())
    assert api("GET", "/user/auth/me/", Authorization=f"Token {token}").status_code == 401


NONSENSE = {
    "prefix": ["", "ab", "  a  ", None, 5, ["load-"], {}, "a\0bc", "x" * 151],
    "dry_run": ["true", "yes", 1, 0, None, []],
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_deletes_nobody(api, no_limits, name):
    admin = make_superuser()
    make_user(username="load-1")
    for value in NONSENSE[name]:
        response = api("POST", "/admin/users/bulk_delete/", {"prefix": "load-"} | {name: value}, by=admin)
        assert (response.status_code, list(response.json["details"]["fields"])) == (422, [name]), value
    assert db.session.query(User).filter_by(username="load-1").count() == 1


def test_signs_that_mean_more_to_a_database_mean_nothing(api):
    for name in ("abcd", "aXcd"):
        make_user(username=name)
    admin = make_superuser()
    for prefix in ("a_c", "%%%", "a%d", "___", "' OR 1=1 --"):
        assert api("POST", "/admin/users/bulk_delete/", {"prefix": prefix}, by=admin).json["deleted_users"] == 0
