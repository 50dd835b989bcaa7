import re

import pytest

from evently.http import error_handlers


def test_what_was_sent_along_comes_back(client):
    for path in ("/", "/api/user/events/", "/api/nonsense/", "/healthz"):
        assert client.get(path, headers={"X-Request-ID": "order-17/try:2"}).headers["X-Request-ID"] == "order-17/try:2"


def test_every_answer_has_a_name_of_its_own(client):
    names = {client.get("/api/user/events/").headers["X-Request-ID"] for _ in range(3)}
    assert len(names) == 3
    assert all(re.fullmatch("[0-9a-f]{32}", name) for name in names)


@pytest.mark.parametrize("sent", ["", " ", "a b", "x" * 129, "<script>", 'a"b', "ü", "a;b", "a,b"])
def test_what_could_break_a_log_is_replaced(client, sent):
    answered = client.get("/api/user/events/", headers={"X-Request-ID": sent}).headers["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{32}", answered)


def test_a_crash_is_logged_by_its_name(client, monkeypatch, caplog):
    monkeypatch.setattr("evently.events.queries.describe_public_events", lambda *_args, **_kwargs: 1 / 0)
    answer = client.get("/api/user/events/", headers={"X-Request-ID": "mine-17"})
    assert (answer.status_code, answer.headers["X-Request-ID"]) == (500, "mine-17")
    assert "mine-17" in caplog.text
    assert error_handlers.log.name in {record.name for record in caplog.records}
