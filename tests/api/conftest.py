import pytest
from flask.testing import FlaskClient

from tests.factories import auth


@pytest.fixture
def api(client: FlaskClient):
    """`api("POST", "/bookings/", {…}, by=somebody)`; without `by` nobody asks. `raw` is a body as it stands."""

    def call(method, path, body=None, *, by=None, raw=None, **headers):
        sent = {"data": raw, "content_type": "application/json"} if raw is not None else {"json": body} if body is not None else {}
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.open(f"/api{path}", method=method, headers=(auth(by) if by else {}) | headers, **sent)

    return call
