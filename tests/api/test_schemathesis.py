"""Whatever the OpenAPI document allows, and much that it does not, sent to every address: on PostgreSQL, with the same seed.

Every answer has to be one that the document knows, and none may be a failure of ours.
"""

import contextvars
import subprocess
import sys

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

from evently import worker_heartbeats
from evently.extensions import limiter
from tests.factories import api_token, make_booking, make_event, make_superuser, make_user
from tests.harness.live import serving, working

pytestmark = pytest.mark.parametrize("site", ["postgresql"], indirect=True)
# The same requests each time; more of them find no more and take longer than anybody waits.
BOUNDED = settings(
    max_examples=25, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate]
)
# What a shape allows, a service may still refuse: an event in the past, a name that is taken.
JUDGED_BY_SERVICES = "positive_data_acceptance"


# Once the limit is reached, any input is answered with 429.
NOT_BEYOND_LIMITS = (JUDGED_BY_SERVICES, "negative_data_rejection", "ignored_auth")
# Few enough that every operation meets its limit.
SCOPES = ("ANONYMOUS", "PROBE", "LOGIN", "REGISTER", "BOOKING")
TIGHT = dict.fromkeys(("RATELIMIT_DEFAULT", *(f"{scope}_RATE_LIMIT" for scope in SCOPES)), "4 per minute")


@pytest.fixture
def ids(app):
    """Those of things there are, so that requests come further than "not found"."""
    worker_heartbeats._send_heartbeat(app.config["CELERY_BROKER_URL"], "all@tests bookings,default,mail", 600)
    event = make_event(capacity=100_000)
    return {"event_id": str(event.id), "user_id": make_user().id, "booking_id": str(make_booking(event=event).id)}


@pytest.fixture
def operations(app):
    schema = contextvars.Context().run(schemathesis.openapi.from_wsgi, "/api/openapi.json", app)
    return [found.ok() for found in schema.get_all_operations()]


def requests(operation, ids):
    known = {name: value for name, value in ids.items() if f"{{{name}}}" in operation.path}
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    made_up = [operation.as_strategy(mode) for mode in modes]
    return st.one_of(*made_up, *(operation.as_strategy(mode, path_parameters=known) for mode in modes if known))


def ask_often(operation, ids, admin, *, bounded=BOUNDED, excluded=()):
    """The statuses it answered with; each answer is validated."""
    names = {*excluded, *([JUDGED_BY_SERVICES] if operation.method != "get" else [])}
    statuses = []

    @bounded
    @given(case=requests(operation, ids))
    def ask(case):
        # A new token each time: some of the requests end theirs.
        headers = {"Authorization": f"Token {api_token(admin)}"}
        answer = contextvars.Context().run(case.call_and_validate, headers=headers, excluded_checks=CHECKS.get_by_names(sorted(names)))
        statuses.append(answer.status_code)

    ask()
    return statuses


def test_with_limits_on(app, operations, ids, monkeypatch):
    """What a limit refuses is documented too, for every operation, and is no failure of ours."""
    admin = make_superuser()
    for name, limit in TIGHT.items():
        monkeypatch.setitem(app.config, name, limit)
    few = settings(BOUNDED, max_examples=10)
    for operation in operations:
        limiter.reset()
        statuses = ask_often(operation, ids, admin, bounded=few, excluded=NOT_BEYOND_LIMITS)
        assert 429 in statuses, operation.label
        assert set(statuses) != {429}, operation.label


def test_things_there_are(operations, ids, no_limits):
    admin = make_superuser()
    assert operations
    for operation in operations:
        ask_often(operation, ids, admin)


def test_the_limits_of_every_value_and_walks_from_one_address_to_the_next(app, site, tmp_path):
    variables = {"RATELIMIT_ENABLED": "false"}
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--no-color", "run", "--phases", "examples,coverage,fuzzing,stateful"),
        *("--max-examples", "6", "--seed", "7", "--generation-deterministic"),
        *("--exclude-checks", JUDGED_BY_SERVICES, "--exclude-path", "/user/auth/logout/"),
        *("--header", f"Authorization: Token {api_token(make_superuser())}"),
    ]
    with working(site, **variables), serving(site, **variables) as address:
        run = subprocess.run([*command, f"{address}/api/openapi.json"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Stateful" in run.stdout
