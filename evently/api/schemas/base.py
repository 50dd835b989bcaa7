"""What the shapes of every subject are made of."""

from decimal import Decimal
from typing import Any

from marshmallow import EXCLUDE, Schema, fields, validate

from evently.api.fields import Day, Integer, QueryInteger, Text
from evently.events.validation import MAX_PRICE

MAX_PAGE_SIZE = 100
SEARCH_LENGTH = validate.Length(max=200, error="Use at most {max} characters.")
PRICES = validate.Range(min=Decimal(0), max=MAX_PRICE, error=f"Choose 0 to {MAX_PRICE:,}, with at most two decimals.")


class RequestSchema(Schema):
    error_messages = {"type": "Send a JSON object."}  # noqa: RUF012 - marshmallow reads it from the class

    class Meta:
        unknown = EXCLUDE


class ResponseSchema(RequestSchema):
    """Every field is there in every answer, but for those that say otherwise."""

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        super().on_bind_field(field_name, field_obj)
        field_obj.required = not field_obj.metadata.get("is_optional")


def text(longest: int | None = None, choices: tuple[str, ...] = (), **kwargs: Any) -> Text:
    known = {"maxLength": longest, "enum": list(choices)}
    return Text(metadata={name: value for name, value in known.items() if value} | kwargs.pop("metadata", {}), **kwargs)


class Paging(RequestSchema):
    page = QueryInteger(most=999_999_999, load_default=1)
    page_size = QueryInteger(most=MAX_PAGE_SIZE, load_default=10)


class Days(RequestSchema):
    date_from = Day(metadata={"description": "First day, in the site's time zone."})
    date_to = Day(metadata={"description": "Last day, included."})


class FailureDetails(ResponseSchema):
    code = Text(metadata={"description": "Stable, for programs."})
    fields_ = fields.Dict(
        keys=Text(), values=fields.List(Text()), data_key="fields", metadata={"is_optional": True, "description": "Messages by input."}
    )
    password_reset_url = Text(
        metadata={"is_optional": True, "format": "uri", "description": "After too many wrong passwords: a page that sends a reset link."}
    )


class Failure(ResponseSchema):
    error = Text(metadata={"description": "A sentence for people."})
    details = fields.Nested(FailureDetails)


def page_of(item: type[Schema]) -> Any:
    """The schema of one page of a list."""
    return ResponseSchema.from_dict(
        {
            "count": Integer(least=0, metadata={"description": "Items on all pages."}),
            "next": Text(allow_none=True, metadata={"format": "uri"}),
            "previous": Text(allow_none=True, metadata={"format": "uri"}),
            "results": fields.List(fields.Nested(item)),
        },
        name=f"{item.__name__}Page",
    )
