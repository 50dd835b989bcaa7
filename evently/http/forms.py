"""What the forms of all pages share."""

from wtforms import Form

from evently.errors import DomainError


class PlainForm(Form):
    """A form that also shows what a service had to say."""

    def add_refusal(self, error: DomainError) -> None:
        """Put a service's messages beside the fields they name, and the rest above the form."""
        for name, messages in error.fields.items():
            if name in self._fields:
                self._fields[name].errors = [*self._fields[name].errors, *messages]
            else:
                self.form_errors.extend(messages)
        if not error.fields:
            self.form_errors.append(error.message)
