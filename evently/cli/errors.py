"""What went wrong, in words instead of a traceback."""

import contextlib
from collections.abc import Iterator

import click
from sqlalchemy.exc import DBAPIError

from evently.errors import DomainError


@contextlib.contextmanager
def errors_in_words() -> Iterator[None]:
    """End with exit code 1 and a sentence instead of a traceback."""
    try:
        yield
    except DomainError as error:
        raise click.ClickException("\n".join(lines(error.fields)) or error.message) from error
    except DBAPIError as error:
        reason = str(error.orig).strip().splitlines()[0]
        raise click.ClickException(f"The database says: {reason}\nIs it there, and did `flask --app wsgi db upgrade` run?") from error


def lines(problems: dict[str, list[str]]) -> list[str]:
    """`field: what is wrong with it`; what is wrong with the whole stands alone."""
    return [message if field == "row" else f"{field}: {message}" for field, messages in problems.items() for message in messages]
