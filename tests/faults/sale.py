"""A sale over HTTP: many people, a few at a time, and what each of them was told."""

import http.client
import json
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass
from typing import Any, Self

import sqlalchemy as sa

from evently.accounts.models import ApiToken, User
from evently.accounts.queries import token_sha256
from evently.database import transaction, utc_now
from tests.factories import make_event, make_organizer
from tests.faults.parts import Web
from tests.harness.site import Site

THREADS = 6
# seconds; nobody waits longer for an answer, or for a server to be there
PATIENCE = 15.0
# How often somebody asks who gets no answer, or one that says it went wrong; each time with the same key.
TRIES = 3


@dataclass(frozen=True)
class Answer:
    """What one person was told at last; the times are those of time.monotonic()."""

    status: int
    # An error's, such as "sold_out"
    code: str
    # Of the first try
    asked_at: float
    answered_at: float
    booking_id: uuid.UUID | None

    @property
    def seconds(self) -> float:
        return self.answered_at - self.asked_at


class Sale:
    """One event with half as many seats as people who want one ticket each. In a `with` block they come, steadily."""

    def __init__(self, site: Site, web: Web, *, people: int = 300, per_second: float = 80) -> None:
        with site.app.app_context():
            event = make_event(by=make_organizer(**_somebody()), capacity=people // 2)
            tokens = _make_people(people)
        self.event_id, self.seats, self.people = event.id, event.capacity, people
        self.answers: list[Answer] = []
        # What went wrong and was tried again: errors of the connection, statuses.
        self.troubles: Counter[str] = Counter()
        self._port = web.port
        self._interval = 1 / per_second
        self._turns = iter(enumerate(tokens))
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._buy) for _ in range(THREADS)]

    @property
    def acknowledged(self) -> list[Answer]:
        return [answer for answer in list(self.answers) if answer.booking_id]

    def __enter__(self) -> Self:
        self._started_at = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind:
            # A test has failed; let nobody else come.
            self._turns = iter(())
        for thread in self._threads:
            thread.join()

    def _buy(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        while turn := self._next():
            number, token = turn
            time.sleep(max(0.0, self._started_at + number * self._interval - time.monotonic()))
            if answer := self._ask_again_and_again(connection, token):
                self.answers.append(answer)
        connection.close()

    def _next(self) -> Any:
        with self._lock:
            return next(self._turns, None)

    def _ask_again_and_again(self, connection: http.client.HTTPConnection, token: str) -> Answer | None:
        headers = {"Authorization": f"Token {token}", "Idempotency-Key": uuid.uuid4().hex, "Content-Type": "application/json"}
        _wait_for_server(connection)
        asked_at, answer = time.monotonic(), None
        for _ in range(TRIES):
            try:
                answer = self._ask(connection, headers, asked_at)
                if answer.status < 500:
                    return answer
                self.troubles[str(answer.status)] += 1
            except (OSError, http.client.HTTPException) as error:
                self.troubles[type(error).__name__] += 1
                connection.close()
                _wait_for_server(connection)
            time.sleep(0.1)
        return answer

    def _ask(self, connection: http.client.HTTPConnection, headers: dict[str, str], asked_at: float) -> Answer:
        connection.request("POST", "/api/bookings/", json.dumps({"event_id": str(self.event_id), "number_of_tickets": 1}), headers)
        response = connection.getresponse()
        said = json.loads(response.read())
        booking_id = uuid.UUID(said["id"]) if response.status == 201 else None
        return Answer(response.status, said.get("details", {}).get("code", ""), asked_at, time.monotonic(), booking_id)


def _wait_for_server(connection: http.client.HTTPConnection) -> None:
    """Connect, again and again while it is refused, or reset before it was taken: nothing was asked then."""
    deadline = time.monotonic() + PATIENCE
    while connection.sock is None:
        try:
            connection.connect()
        except (ConnectionRefusedError, ConnectionResetError):
            assert time.monotonic() < deadline, "the web server stayed away"
            time.sleep(0.05)


def _somebody() -> dict[str, str]:
    name = uuid.uuid4().hex
    return {"username": name, "email": f"{name}@example.org"}


def _make_people(number: int) -> list[str]:
    """The tokens of so many new people."""
    people = [{**_somebody(), "password_hash": "none"} for _ in range(number)]
    with transaction() as session:
        ids = session.scalars(sa.insert(User).returning(User.id), people)
        tokens = {uuid.uuid4().hex: user_id for user_id in ids}
        rows = [{"user_id": user_id, "token_sha256": token_sha256(token), "last_used_at": utc_now()} for token, user_id in tokens.items()]
        session.execute(sa.insert(ApiToken), rows)
    return list(tokens)
