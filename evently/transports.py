"""Kombu's transports, changed so that an entry of a queue that is no message cannot end the worker that reads it."""

import base64
import sys
import uuid
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, memory, virtual
from kombu.transport import redis as redis_transport
from kombu.utils.encoding import bytes_to_str
from kombu.utils.json import loads
from redis import Redis

from evently.poison_messages import PoisonMessage, store


def register() -> None:
    """From now on every connection of this process uses the transports of this module."""
    TRANSPORT_ALIASES.update(dict.fromkeys(("redis", "rediss"), f"{__name__}:RedisTransport"), memory=f"{__name__}:MemoryTransport")


class Message(virtual.Message):
    """A damaged envelope makes an empty message with the error in `errors`, for the consumer to set aside and acknowledge."""

    def __init__(self, payload: Any, channel: Any = None, **kwargs: Any) -> None:
        try:
            _check_envelope(payload)
            super().__init__(payload, channel=channel, **kwargs)  # type: ignore[no-untyped-call]
        except Exception:  # noqa: BLE001 - whatever reading it raises
            tag = str(uuid.uuid4())
            substitute = {"properties": {"delivery_tag": tag, "delivery_info": {"exchange": "", "routing_key": ""}}}
            super().__init__(substitute, channel=channel, **kwargs)  # type: ignore[no-untyped-call]
            self.errors.append(sys.exc_info())
            self._raw = payload


def _check_envelope(payload: Any) -> None:
    properties, headers = payload["properties"], payload.get("headers")
    info = properties["delivery_info"]
    texts = [properties["delivery_tag"], info["exchange"], info["routing_key"], payload.get("body") or ""]
    if not all(isinstance(text, str) for text in texts) or not isinstance(headers or {}, dict):
        raise TypeError("not an envelope")
    if not all(isinstance(properties.get(name), str | None) for name in ("correlation_id", "reply_to")):
        raise TypeError("not an envelope")
    if properties.get("priority", 0) not in range(10):
        raise ValueError("not a priority")
    # Never sent by the site, and what it inflates to has no bound.
    if (headers or {}).get("compression"):
        raise ValueError("compressed")
    if properties.get("body_encoding") == "base64":
        base64.b64decode(payload.get("body") or "", validate=True)


class MemoryChannel(memory.Channel):
    """Its messages come from this process alone and are not kept when they are set aside."""

    Message = Message
    store: Redis | None = None


class MemoryTransport(memory.Transport):
    Channel = MemoryChannel
    # No host: kombu warns where there is a default that it has to take.
    default_connection_params: Any = {}  # noqa: RUF012 - as its parent has it


class QoS(redis_transport.QoS):
    """Restores what a worker left unacknowledged, but for entries that no worker could read."""

    def restore_by_tag(self, tag: Any, client: Any = None, leftmost: bool = False) -> None:  # noqa: FBT001, FBT002 - kombu's signature
        with self.channel.conn_or_acquire(client) as connection:
            entry = connection.hget(self.unacked_key, tag)
            if entry is not None and (error := _error_of(entry)):
                self._remove_from_indices(tag).execute()  # type: ignore[no-untyped-call]
                self.channel.set_aside(entry, queue=self.unacked_key, error=error)
            else:
                super().restore_by_tag(tag, client=connection, leftmost=leftmost)  # type: ignore[no-untyped-call]


def _error_of(entry: bytes) -> Exception | None:
    try:
        payload, exchange, routing_key = loads(bytes_to_str(entry))
        _check_envelope(payload)
    except Exception as error:  # noqa: BLE001 - whatever reading it raises
        return error
    is_address = isinstance(exchange, str) and isinstance(routing_key, str)
    return None if is_address else TypeError("not an exchange and a routing key")


class RedisChannel(redis_transport.Channel):
    Message = Message
    QoS = QoS

    @property
    def store(self) -> Redis:
        client: Redis = self._create_client()
        return client

    def set_aside(self, raw: bytes, *, queue: str, error: Exception) -> None:
        poison = PoisonMessage("unreadable")
        poison.__cause__ = error
        store(raw, queue=queue, error=poison, store=self.store)

    def _create_client(self, asynchronous: bool = False) -> Any:  # noqa: FBT001, FBT002 - kombu's signature
        client = super()._create_client(asynchronous)  # type: ignore[no-untyped-call]
        if asynchronous:
            parse = client.parse_response
            client.parse_response = lambda connection, command, **options: self._readable(command, parse(connection, command, **options))
        return client

    def _readable(self, command: str, answer: Any) -> Any:
        """The answer of a BRPOP; None, which is that of an empty queue, for an entry that is no JSON."""
        if command == "BRPOP" and answer:
            queue, raw = answer
            try:
                loads(bytes_to_str(raw))
            except Exception as error:  # noqa: BLE001 - whatever reading it raises
                self.set_aside(raw, queue=bytes_to_str(queue), error=error)
                return None
        return answer


class RedisTransport(redis_transport.Transport):
    Channel = RedisChannel
