"""Fields that take what they say and nothing like it: no number as text, no text as number, no moment without offset."""

import datetime as dt
import re
from decimal import Decimal
from typing import Any

from marshmallow import fields, validate

from evently.database import CENT
from evently.text import has_control_characters

WHOLE_NUMBER = re.compile(r"[0-9]{1,9}")
AMOUNT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,2})?")


def describe(**messages: str) -> dict[str, str | list[Any] | dict[Any, Any]]:
    """A field's messages by what is wrong."""
    return {"required": "This is needed.", "null": "This may not be null.", **messages}


class Text(fields.String):
    default_error_messages = describe(invalid="Send text.", unstorable="Remove the control characters.")

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        if has_control_characters(text):
            raise self.make_error("unstorable")
        return text


class Choice(Text):
    """One of a few words."""

    def __init__(self, *choices: str, **kwargs: Any) -> None:
        words = ", ".join(choices)
        super().__init__(validate=validate.OneOf(choices, error=f"Choose one of: {words}."), **kwargs)


class Id(fields.UUID):
    default_error_messages = describe(invalid_uuid="Send an id as it was answered, such as 6f1c2a9e-8d3b-4c57-9a40-2f7e1b5d8c36.")


class Integer(fields.Integer):
    """A number without fraction, sent as a number."""

    default_error_messages = describe(invalid="Send a whole number.", too_large="That number is too large.")

    def __init__(self, least: int = 1, most: int = 2**31 - 1, **kwargs: Any) -> None:
        limits = (
            validate.Range(min=least, error="Choose {min:,} or more."),
            validate.Range(max=most, error="Choose {max:,} or less."),
        )
        super().__init__(strict=True, validate=limits, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if isinstance(value, str):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class QueryInteger(Integer):
    """A number without fraction in the query of an address, where everything is text."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not WHOLE_NUMBER.fullmatch(value):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(int(value), attr, data, **kwargs)


class Amount(fields.Decimal):
    """Money: a number with two decimals."""

    default_error_messages = describe(invalid="Send a number such as 12.50, not text.")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(places=None, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Decimal:
        del attr, data, kwargs
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.make_error("invalid", input=value)
        # By way of text: the shortest number that means the same float is what was sent.
        return Decimal(str(value))

    def _serialize(self, value: Decimal | None, attr: str | None, obj: Any, **kwargs: Any) -> Decimal | None:
        del attr, obj, kwargs
        # Not a float, which would lose the last of two decimals; http/json.py writes it.
        return None if value is None else value.quantize(CENT)


class QueryAmount(fields.Decimal):
    """Money in the query of an address."""

    default_error_messages = describe(invalid="Use a number such as 12.50.")

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Decimal:
        del attr, data, kwargs
        if not AMOUNT.fullmatch(value):
            raise self.make_error("invalid", input=value)
        return Decimal(value)


class DateTime(fields.AwareDateTime):
    """ISO 8601; with an offset when it comes in, in UTC with Z when it goes out."""

    default_error_messages = describe(
        **dict.fromkeys(("invalid", "format", "invalid_awareness"), "Send a moment with its offset, such as 2026-11-28T19:30:00Z.")
    )

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dt.datetime:
        if not isinstance(value, str):
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE)
        return super()._deserialize(value, attr, data, **kwargs)

    def _serialize(self, value: dt.datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        del attr, obj, kwargs
        return None if value is None else value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


class Day(fields.Date):
    default_error_messages = describe(**dict.fromkeys(("invalid", "format"), "Use a day such as 2026-11-28."))


class QueryBoolean(fields.Boolean):
    """true or false in the query of an address."""

    default_error_messages = describe(invalid="Use true or false.")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(truthy={"true", "True", "1"}, falsy={"false", "False", "0"}, **kwargs)


class StrictBoolean(fields.Boolean):
    """true or false in a body, and nothing that merely looks like it."""

    default_error_messages = describe(invalid="Send true or false.")

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return bool(super()._deserialize(value, attr, data, **kwargs))
