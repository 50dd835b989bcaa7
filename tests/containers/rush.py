"""A rush: many buyers at once. Each wants one ticket and repeats the request, with the same key, until the answer is final."""

import http.client
import itertools
import json
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Self

from tests.containers.project import Connection, Project

THREADS = 20
# Seconds for which a buyer repeats the request
PATIENCE = 120.0


@dataclass
class Rush:
    """The buyers start in a `with` block. `bookings` were acknowledged; `troubles` counts errors after which a buyer repeated."""

    project: Project
    event_id: str
    tokens: list[str]
    # Seconds between two buyers
    interval: float = 0.0
    bookings: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    troubles: Counter[str] = field(default_factory=Counter)
    unserved: int = 0

    def __enter__(self) -> Self:
        self._lock = threading.Lock()
        self._finals: list[float] = []
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
    def longest_pause(self) -> float:
        """Seconds between two final answers, of any buyer."""
        finals = sorted(self._finals)
        return max(later - earlier for earlier, later in itertools.pairwise(finals))

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
                status, answer, pause = self._ask(connection, token, key)
            except (OSError, http.client.HTTPException) as error:
                self.troubles[type(error).__name__] += 1
                connection.close()
                time.sleep(0.2)
                continue
            if status == 201:
                self.bookings.append(answer["id"])
                self._finals.append(time.monotonic())
                return
            code = answer.get("details", {}).get("code", "")
            if status < 500 and code != "request_in_flight":
                self.refused[code] += 1
                self._finals.append(time.monotonic())
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
