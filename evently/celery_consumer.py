"""How a Celery worker looks for a broker that is away, shows that it lives, and goes on after a message it cannot carry out."""

import functools
import json
import logging
from collections.abc import Callable
from typing import Any

from celery.worker import consumer
from kombu.exceptions import InconsistencyError, OperationalError
from redis.exceptions import RedisError

from evently.poison_messages import PoisonMessage, check, store

# seconds between two tries
RECONNECT_SECONDS = 1
# Raised by the connection and not by a message. Kombu counts KeyError among them, which is what an incomplete message raises.
CONNECTION_ERRORS = (OSError, RedisError, OperationalError, InconsistencyError)
log = logging.getLogger(__name__)


class ReconnectingConsumer(consumer.Consumer):  # type: ignore[misc] # celery has no types
    """Tries at the same pace for ever; Celery's own pauses grow to half a minute, in which everybody would wait."""

    class Blueprint(consumer.Consumer.Blueprint):  # type: ignore[misc] # celery has no types
        """Celery's own steps of starting and stopping, and the heartbeat."""

        default_steps = (*consumer.Consumer.Blueprint.default_steps, "evently.worker_heartbeats:Heartbeat")

    def ensure_connected(self, conn: Any) -> Any:
        pace = {"interval_start": RECONNECT_SECONDS, "interval_step": 0, "interval_max": RECONNECT_SECONDS}
        conn.ensure_connection = functools.partial(conn.ensure_connection, **pace)
        return super().ensure_connected(conn)

    def create_task_handler(self, *args: Any) -> Callable[[Any], None]:
        handle = super().create_task_handler(*args)

        def on_task_received(message: Any) -> None:
            try:
                check(message, self.app.tasks)
                handle(message)
            except CONNECTION_ERRORS:
                raise
            except Exception as error:  # noqa: BLE001 - one message must not end the worker
                self._set_aside(message, error)

        return on_task_received

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        poison = PoisonMessage("unreadable")
        poison.__cause__ = exc
        self._set_aside(message, poison)

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:
        """Celery's own writes the arguments into the log."""
        del body
        self._set_aside(message, exc)

    def _set_aside(self, message: Any, error: Exception) -> None:
        raw = json.dumps(message._raw).encode()  # noqa: SLF001 - the envelope, of which kombu has no public copy
        store(raw, queue=str(message.delivery_info.get("routing_key", "")), error=error, store=message.channel.store)
        if not message.acknowledged:
            message.ack_log_error(log, self.connection_errors)
