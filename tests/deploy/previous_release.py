"""Run in a checkout of the previous release, on a database that the present code has migrated: does its main work."""

import os

from wsgi import app


def ask(method, path, status, *, token="", **body):
    headers = {"Authorization": f"Token {token}"} if token else {}
    answer = app.test_client().open(path, method=method, json=body or None, headers=headers)
    assert answer.status_code == status, (path, answer.status_code, answer.text[:2000])
    return answer


def sign_in():
    login = ask("POST", "/api/user/auth/login/", 200, username="ada", password=os.environ["EVENTLY_PASSWORD"])
    return login.json["token"]


def check():
    token = sign_in()
    event = {"name": "Before", "venue": "Hall", "time": "2031-05-04T20:00:00Z", "capacity": 3, "price_per_ticket": 10}
    event_id = ask("POST", "/api/admin/events/", 201, token=token, **event).json["event_id"]
    ask("PUT", f"/api/admin/events/{event_id}/", 200, token=token, capacity=5)
    booked = ask("POST", "/api/bookings/", 201, token=token, event_id=event_id, number_of_tickets=2)
    path = f"/api/bookings/{booked.json['id']}/"
    assert ask("GET", path, 200, token=token).json["status"] == "confirmed"
    for page in ("/", f"/events/{event_id}", "/login", "/healthz"):
        ask("GET", page, 200)
    ask("GET", "/api/user/events/", 200)
    ask("DELETE", path, 200, token=token)
    print(event_id)  # noqa: T201


check()
