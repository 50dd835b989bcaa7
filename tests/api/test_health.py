"""How the site says it is. The workers are processes of their own, or threads as in `make run`."""

import functools
import time

import pytest
from sqlalchemy.exc import OperationalError

from evently import worker_heartbeats
from evently.extensions import db
from evently.http.health import masked
from evently.launch.embedded import EmbeddedWorker
from evently.worker_heartbeats import ALIVE_KEY, SOLO_TTL_SECONDS
from tests.harness.live import working

FIELDS = ["status", "celery", "workers", "broker", "processes", "message"]


@pytest.fixture
def api(api, app, monkeypatch):
    """By a monitor that may see the details; tests/abuse/test_health_details.py has what others see."""
    monkeypatch.setitem(app.config, "METRICS_TOKEN", "of a monitor 0123456789")
    return functools.partial(api, Authorization="Bearer of a monitor 0123456789")


@pytest.fixture(autouse=True)
def nobody_before(monkeypatch):
    monkeypatch.setattr(worker_heartbeats, "_local_workers", {})


def wait_for(api, status):
    deadline = time.monotonic() + 10
    while (response := api("GET", "/health/")).status_code != status and time.monotonic() < deadline:
        time.sleep(0.1)
    return response


def test_with_nobody_at_work(app, api):
    response = api("GET", "/health/")
    assert (response.status_code, list(response.json)) == (503, FIELDS)
    assert (response.json["status"], response.json["celery"], response.json["workers"]) == ("unhealthy", "stopped", 0)
    assert "No worker takes tasks from the queue bookings." in response.json["message"]


def test_a_worker_in_this_process(app, api):
    if not app.config["EMBEDDED"]:
        pytest.skip("its broker is a server")
    with EmbeddedWorker(app.extensions["celery"]):
        response = api("GET", "/health/")
        assert (response.status_code, list(response.json)) == (200, FIELDS)
        assert response.json == {
            "status": "healthy", "celery": "running", "workers": 1, "broker": "memory://", "processes": ["embedded"],
            "message": "Database, broker and workers are well.",
        }  # fmt: skip
    assert wait_for(api, 503).json["workers"] == 0


def test_workers_in_other_processes(app, site, api):
    if app.config["EMBEDDED"]:
        pytest.skip("its broker is in the memory of one process")
    with working(site, "-Q", "bookings", "-n", "bookings@%h"):
        partly = wait_for(api, 503)
        assert (partly.json["celery"], partly.json["processes"]) == ("running", ["bookings"])
        assert "queue mail" in partly.json["message"]
        assert "queue bookings" not in partly.json["message"]
        with working(site, "-Q", "mail,default", "-n", "rest@%h", "--pool", "solo"):
            response = wait_for(api, 200)
            assert (response.json["workers"], response.json["processes"]) == (2, ["bookings", "rest"])
            assert app.config["REDIS_URL"].rpartition("@")[2] in response.json["broker"]
    # They said goodbye.
    assert wait_for(api, 503).json["workers"] == 0


def test_a_worker_that_was_killed_is_missed(app, api, monkeypatch):
    url = app.config["CELERY_BROKER_URL"]
    worker_heartbeats._send_heartbeat(url, "bookings@somewhere bookings,default,mail", 1)
    assert api("GET", "/health/").json["processes"] == ["bookings"]
    assert wait_for(api, 503).json["workers"] == 0
    if not app.config["EMBEDDED"]:
        worker_heartbeats._send_heartbeat(url, "rest@somewhere mail", SOLO_TTL_SECONDS)
        assert worker_heartbeats._redis(url).zcard(worker_heartbeats.KEY) == 1
        assert worker_heartbeats._redis(url).eval(ALIVE_KEY, 1, worker_heartbeats.KEY) == [b"rest@somewhere mail"]


def test_no_broker(app, api, monkeypatch):
    monkeypatch.setitem(app.config, "CELERY_BROKER_URL", "redis://somebody:secret@127.0.0.1:9/0?password=secret")
    started = time.monotonic()
    response = api("GET", "/health/")
    assert (response.status_code, response.json["celery"], response.json["workers"]) == (503, "unknown", 0)
    assert response.json["broker"] == "redis://***@127.0.0.1:9/0"
    assert "The broker does not answer." in response.json["message"]
    assert "secret" not in response.text
    assert time.monotonic() - started < 2


def test_no_database(app, api, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise OperationalError("SELECT 1", {}, Exception("the server at 10.0.0.5 is gone"))

    worker_heartbeats._send_heartbeat(app.config["CELERY_BROKER_URL"], "all@somewhere bookings,default,mail", 5)
    assert api("GET", "/health/").status_code == 200
    monkeypatch.setattr(db.session, "execute", refuse)
    response = api("GET", "/health/")
    assert (response.status_code, response.json["message"]) == (503, "The database does not answer.")


def test_visitors_do_not_use_up_what_monitors_need(app, api, monkeypatch):
    for setting in ("RATELIMIT_DEFAULT", "NETWORK_RATE_LIMIT", "ANONYMOUS_RATE_LIMIT"):
        monkeypatch.setitem(app.config, setting, "1 per hour")
    assert {api("GET", path).status_code for path in 3 * ["/health/"]} == {503}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("memory://", "memory://"),
        ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
        ("redis://:pass@host:6379/0", "redis://***@host:6379/0"),
        ("rediss://user:p@ss/w@host:6379/0?ssl_cert_reqs=none", "rediss://***@host:6379/0"),
    ],
)
def test_credentials_are_masked(url, shown):
    assert masked(url) == shown


def test_a_beat_needs_no_clock_of_ours(app, monkeypatch):
    if app.config["EMBEDDED"]:
        pytest.skip("its broker is in the memory of one process")
    url = app.config["CELERY_BROKER_URL"]
    monkeypatch.setattr(time, "time", lambda: 0.0)
    worker_heartbeats._send_heartbeat(url, "bookings@somewhere bookings", 5)
    assert [worker.name for worker in worker_heartbeats.alive_workers(url)] == ["bookings"]
