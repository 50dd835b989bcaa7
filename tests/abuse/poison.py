"""Messages that no worker can carry out, of every kind."""

import base64
import copy
import json
import pickle
import uuid
from pathlib import Path
from typing import Any

from evently.bookings.tasks import allocate_event

SECRET = "hunter2-of-a-customer"
Envelope = dict[str, Any]


class PlantedFile:
    """What creates a file where it is unpickled."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (self._path, "w")


def envelope(**body: Any) -> Envelope:
    """What `publish` writes for `allocate_event`, with a secret in its arguments."""
    arguments = [body.get("args", [SECRET]), body.get("kwargs", {}), body.get("embed", {"callbacks": None, "errbacks": None})]
    return {
        "body": encoded(json.dumps(arguments)),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"lang": "py", "task": allocate_event.name, "id": "1", "retries": 0, "timelimit": [None, None], "eta": None},
        "properties": {
            "correlation_id": "1",
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": "bookings"},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": "1",
        },
    }


def encoded(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def changed(path: str, value: Any) -> Envelope:
    """An envelope in which one value, by its path, is another; `...` leaves it out."""
    message: Envelope = copy.deepcopy(envelope())
    place = message
    *parents, name = path.split(".")
    for parent in parents:
        place = place[parent]
    if value is ...:
        del place[name]
    else:
        place[name] = value
    return message


def with_own_tag(message: Envelope) -> Envelope:
    """A copy that is a message of its own, where the name of the message is not what is broken."""
    message = copy.deepcopy(message)
    properties = message.get("properties")
    if isinstance(properties, dict) and isinstance(properties.get("delivery_tag"), str):
        properties["delivery_tag"] = str(uuid.uuid4())
    return message


def pickled(path: Path) -> Envelope:
    message = changed("body", encoded(pickle.dumps([[PlantedFile(str(path))], {}, {}])))
    return message | {"content-type": "application/x-python-serialize", "content-encoding": "binary"}


# Bytes that are no envelope at all.
UNREADABLE = {
    "bytes that are no text": b"\xff\xfe\x00",
    "half of a message": b'{"body": "W1tdLC',
    "no message": b"",
    "null": b"null",
    "a number": b"17",
    "a text": b'"bookings.sweep"',
    "a list": b"[]",
    "an empty object": b"{}",
    "deeply nested": b"[" * 200_000,
}
# By what is wrong with them, and the reason that is given.
BROKEN: dict[str, tuple[Envelope, str]] = {
    "no properties": (changed("properties", ...), "unreadable"),
    "properties that are a list": (changed("properties", []), "unreadable"),
    "no delivery tag": (changed("properties.delivery_tag", ...), "unreadable"),
    "a list as delivery tag": (changed("properties.delivery_tag", ["x"]), "unreadable"),
    "no delivery info": (changed("properties.delivery_info", ...), "unreadable"),
    "an unknown encoding of the body": (changed("properties.body_encoding", "rot13"), "unreadable"),
    "a body that is not base64": (changed("body", "%%%"), "unreadable"),
    "a body that is an object": (changed("body", {"a": 1}), "unreadable"),
    "compressed": (changed("headers.compression", "application/x-gzip"), "unreadable"),
    "an unknown content type": (changed("content-type", "application/x-unknown"), "content_type"),
    "no content type": (changed("content-type", ...), "content_type"),
    "YAML": (changed("content-type", "application/x-yaml"), "content_type"),
    "an unknown character set": (changed("content-encoding", "klingon"), "content_type"),
    "a body that is no JSON": (changed("body", encoded("{'a': 1")), "arguments"),
    "an empty body": (changed("body", ""), "arguments"),
    "a nested body": (changed("body", encoded("[" * 100_000)), "arguments"),
    "a body that is an object of an old protocol": (changed("body", encoded('{"task": "bookings.sweep", "id": "1"}')), "arguments"),
    "no headers": (changed("headers", ...), "headers"),
    "headers that are a list": (changed("headers", ["task"]), "unreadable"),
    "no task": (changed("headers.task", ...), "headers"),
    "no id": (changed("headers.id", ...), "headers"),
    "an object as id": (changed("headers.id", {"a": 1}), "headers"),
    "retries that are no number": (changed("headers.retries", "many"), "headers"),
    "a time limit that is no pair": (changed("headers.timelimit", 5), "headers"),
    "a time limit of texts": (changed("headers.timelimit", ["a", "b"]), "headers"),
    "an eta that is no time": (changed("headers.eta", "soon"), "headers"),
    "an expiry that is no time": (changed("headers.expires", {"a": 1}), "headers"),
    "an unknown task": (changed("headers.task", "bookings.no_such_task"), "unknown_task"),
    "a task of Celery's own": (changed("headers.task", "celery.starmap"), "unknown_task"),
    "a task of another site": (changed("headers.task", f"x\n{SECRET}"), "unknown_task"),
    "too many arguments": (envelope(args=[SECRET] * 9), "arguments"),
    "an unknown keyword": (envelope(kwargs={SECRET: 1}), "arguments"),
    "arguments that are no list": (envelope(args={"a": SECRET}), "arguments"),
    "keywords that are no object": (envelope(kwargs=[1]), "arguments"),
    "a task to follow": (envelope(embed={"callbacks": [{"task": "bookings.sweep"}]}), "arguments"),
    "a chain": (envelope(embed={"chain": [SECRET]}), "arguments"),
}
