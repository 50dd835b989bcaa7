"""JSON in and out: amounts as numbers with both decimals, fields in the order given, and no sloppy input."""

from decimal import Decimal
from typing import Any

import orjson
from flask import Flask
from flask.json.provider import DefaultJSONProvider


class Json(DefaultJSONProvider):
    """What `jsonify` and the template filter `tojson` use."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return orjson.dumps(obj, default=_plain, option=orjson.OPT_INDENT_2 if kwargs.get("indent") else None).decode()


def init_app(app: Flask) -> None:
    app.json = Json(app)


def write(content: Any, *, is_indented: bool = False) -> bytes:
    """As `jsonify` writes it, without the way through text."""
    return orjson.dumps(content, default=_plain, option=orjson.OPT_INDENT_2 if is_indented else None)


def read(body: bytes) -> Any:
    """What a body says. Raises ValueError for anything but JSON to the letter: for NaN, lone surrogates, endless nesting too."""
    return orjson.loads(body)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        # As it stands: 12.50, which a float would make 12.5.
        return orjson.Fragment(f"{value:f}")
    if hasattr(value, "__html__"):
        return str(value.__html__())
    raise TypeError(f"{type(value).__name__} is nothing JSON knows")
