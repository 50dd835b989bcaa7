"""Two web processes and a worker of their own: whoever is asked tells what all of them did."""

import urllib.request

import pytest

from evently.launch.ports import free_port
from tests.factories import api_token, make_event, make_user
from tests.faults.consistency import until
from tests.harness.live import serving, working
from tests.observability.reading import figures

TOKEN = "only for monitors"
REQUESTS = 'evently_http_request_duration_seconds_count{method="GET",route="/events/<uuid:event_id>",status="200"}'
DECIDED = 'evently_bookings_decided_total{outcome="confirmed"}'
TASKS = 'evently_task_duration_seconds_count{outcome="done",task="bookings.allocate_event"}'


def fetch(url, **sent):
    with urllib.request.urlopen(urllib.request.Request(url, **sent), timeout=5) as answer:
        return answer.read().decode()


@pytest.mark.parametrize("site", ["postgresql"], indirect=True)
def test_whoever_is_asked_tells_of_all(app, site):
    event, buyer = make_event(), make_user()
    token, port = api_token(buyer), free_port()
    variables = {"METRICS_TOKEN": TOKEN, "METRICS_PORT": str(port)}
    with working(site, **variables), serving(site, **variables) as address:

        def told():
            return figures(fetch(f"{address}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}))

        for _ in range(12):
            fetch(f"{address}/events/{event.id}")
        body = f'{{"event_id": "{event.id}", "number_of_tickets": 1}}'.encode()
        fetch(f"{address}/api/bookings/", data=body, headers={"Authorization": f"Token {token}", "Content-Type": "application/json"})
        until(lambda: told().get(TASKS, 0) >= 1, within=10, what="the task is done")
        # Whichever process answers.
        assert {told()[REQUESTS] for _ in range(8)} == {12}
        at_web, at_worker = told(), figures(fetch(f"http://127.0.0.1:{port}/metrics"))
        assert at_web[DECIDED] == at_worker[DECIDED] == 1
        assert at_worker[REQUESTS] == 12
        # What the database knows is told once, by web servers.
        assert at_web["evently_bookings_processing"] == 0
        assert at_web['evently_queue_workers{queue="bookings"}'] == 1
        assert "evently_bookings_processing" not in at_worker
        assert at_web["evently_database_connections_max"] >= 3 * 30
