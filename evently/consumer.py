"""How a Celery worker looks for a broker that is away, and shows that it lives."""

import functools
from typing import Any

from celery.worker import consumer

# seconds between two tries
RETRY = 1


class Consumer(consumer.Consumer):  # type: ignore[misc] # celery has no types
    """Tries at the same pace for ever; Celery's own pauses grow to half a minute, in which everybody would wait."""

    class Blueprint(consumer.Consumer.Blueprint):  # type: ignore[misc] # celery has no types
        """Celery's own steps of starting and stopping, and the heartbeat."""

        default_steps = (*consumer.Consumer.Blueprint.default_steps, "evently.heartbeats:Heartbeat")

    def ensure_connected(self, conn: Any) -> Any:
        pace = {"interval_start": RETRY, "interval_step": 0, "interval_max": RETRY}
        conn.ensure_connection = functools.partial(conn.ensure_connection, **pace)
        return super().ensure_connected(conn)
