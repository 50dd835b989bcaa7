"""A rush: many buyers at once, each of whom wants one ticket and asks again, with the same key, until the answer is final."""

import http.client
import json
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Self

from tests.containers.project import Connection, Project

THREADS = 20
# seconds; how long one buyer asks again
PATIENCE = 120.0


@dataclass
class Rush:
    """In a `with` block the buyers come; `bookings` are those that were acknowledged, `troubles` what was not an answer."""

    project: Project
    event_id: str
    tokens: list[str]
    # seconds between two buyers
    interval: float = 0.0
    bookings: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    troubles: Counter[str] = field(default_factory=Counter)
    unserved: int = 0

    def __enter__(self) -> Self:
        self._lock = threading.Lock()
        self._turns = iter(enumerate(self.tokens))
        self._started_at = time.monotonic()
        self._threads = [threading.Thread(target=self._buy) for _ in range(THREADS)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join()

    @property
    def is_over(self) -> bool:
        return not any(thread.is_alive() for thread in self._threads)

    def _buy(self) -> None:
        connection = Connection()
        while turn := self._next():
            number, token = turn
            time.sleep(max(0.0, self._started_at + number * self.interval - time.monotonic()))
            self._ask_until_served(connection, token)
        connection.close()

    def _next(self) -> Any:
        with self._lock:
            return next(self._turns, None)

    def _ask_until_served(self, connection: Connection, token: str) -> None:
        key, deadline = uuid.uuid4().hex, time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                status, said, pause = self._ask(connection, token, key)
            except (OSError, http.client.HTTPException) as error:
                self.troubles[type(error).__name__] += 1
                connection.close()
                time.sleep(0.2)
                continue
            if status == 201:
                self.bookings.append(said["id"])
                return
            code = said.get("details", {}).get("code", "")
            if status < 500 and code != "request_in_flight":
                self.refused[code] += 1
                return
            self.troubles[f"{status} {code}"] += 1
            time.sleep(pause)
        self.unserved += 1

    def _ask(self, connection: Connection, token: str, key: str) -> tuple[int, Any, float]:
        headers = {"Authorization": f"Token {token}", "Idempotency-Key": key, "Content-Type": "application/json"}
        connection.request("POST", "/api/bookings/", json.dumps({"event_id": self.event_id, "number_of_tickets": 1}), headers)
        response = connection.getresponse()
        body = response.read()
        return response.status, json.loads(body), min(2.0, float(response.headers.get("Retry-After") or 0.2))
