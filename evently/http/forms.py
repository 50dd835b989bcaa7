"""What the forms of all pages share."""

import re
from typing import Any

from wtforms import DecimalField, Form, IntegerField, StringField

from evently.errors import DomainError


class PlainForm(Form):
    """A form that also shows what a service had to say."""

    def post_process(self, formdata: Any) -> None:
        """Browsers send every text field, and services take text; a request without one means the same as an empty one."""
        super().post_process(formdata)  # type: ignore[misc] # newer than the types of wtforms
        for field in self:
            if isinstance(field, StringField) and field.data is None and field.raw_data is not None:
                field.data = ""

    def add_refusal(self, error: DomainError) -> None:
        """Put a service's messages beside the fields they name, and the rest above the form."""
        for name, messages in error.fields.items():
            if name in self._fields:
                self._fields[name].errors = [*self._fields[name].errors, *messages]
            else:
                self.form_errors.extend(messages)
        if not error.fields:
            self.form_errors.append(error.message)


class WholeNumberField(IntegerField):
    """A whole number as people write it."""

    def process_formdata(self, valuelist: list[Any]) -> None:
        super().process_formdata(_as_people_write(valuelist))


class AmountField(DecimalField):
    """A number with decimals as people write it."""

    def process_formdata(self, valuelist: list[Any]) -> None:
        super().process_formdata(_as_people_write(valuelist))


def _as_people_write(values: list[str]) -> list[str]:
    """Nothing in place of what only Python takes for a number: `1_0`, which would be ten, `sNaN`, and digits of other scripts."""
    return [value if value.isascii() and not re.search("[A-Za-z_]", value) else "" for value in values]
