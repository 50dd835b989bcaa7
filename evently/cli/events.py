"""Events from elsewhere: the demo's, and those of a file."""

import collections
import sys
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext

from evently.accounts import queries as accounts
from evently.accounts.models import User
from evently.accounts.policies import can_organize
from evently.cli.errors import errors_in_words, lines
from evently.config_checks import public_demo_problem
from evently.demo import ORGANIZER, passwords, seed_demo, seed_events
from evently.errors import Invalid
from evently.events.import_rows import ImportDefaults, RowResult, RowStatus, import_events
from evently.events.imports.files import MAX_FILE_SIZE
from evently.events.imports.reading import StoredRows, read_file
from evently.events.imports.rows import Row
from evently.events.imports.values import amount
from evently.events.validation import MAX_CAPACITY, known_timezones, validate
from evently.http.formatting import counted

# What becomes of a row, in the words of the summary.
SUMMARY = {
    RowStatus.CREATED: "created",
    RowStatus.UPDATED: "updated",
    RowStatus.CANCELLED: "cancelled",
    RowStatus.UNCHANGED: "unchanged",
    RowStatus.DUPLICATE: "twice in the file",
    RowStatus.REFUSED: "refused",
}
NOT_BROUGHT_IN = {RowStatus.DUPLICATE, RowStatus.REFUSED}


@click.command("seed-demo")
@click.option("--organizer", metavar="USERNAME", help="Make the events only, for this organizer.")
@with_appcontext
def seed_demo_command(organizer: str | None) -> None:
    """Fill the site with demo events; once, however often it is called.

    The demo accounts, whose password everybody knows, and the bookings come along only where the site runs on its
    own SQLite file. Elsewhere the events need an organizer.
    """
    with errors_in_words():
        if organizer:
            created = seed_events(_organizer(organizer))
            click.echo(f"{counted(created, 'event')} created." if created else "The demo events are here already.")
        elif current_app.config["EMBEDDED"]:
            if problem := public_demo_problem(current_app.config, has_published_password=True):
                raise click.ClickException(problem)
            click.echo("Demo data created." if seed_demo() else "The demo data is here already.")
            if current_app.config["PUBLIC_DEMO"]:
                click.echo(passwords.notice(passwords.replace_published()), nl=False)
        else:
            raise click.UsageError("A database is configured, so there are no demo accounts; give --organizer USERNAME.")


def _timezone(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and value not in known_timezones():
        raise click.BadParameter("Choose a time zone like Europe/Berlin.")
    return value


def _price(_context: click.Context, _parameter: click.Parameter, value: str) -> Decimal:
    try:
        price = amount(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    if found := validate({"price_per_ticket": price}):
        raise click.BadParameter(found["price_per_ticket"][0])
    return price


@click.command("import-events")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--organizer",
    metavar="USERNAME",
    help="Whose events they become. Where one person may create events, theirs; on the demo site, those of `organizer`.",
)
@click.option("--capacity", type=click.IntRange(1, MAX_CAPACITY), default=100, show_default=True, help="Seats, where the file says none.")
@click.option("--price", callback=_price, default="0", show_default=True, help="Price, where the file says none.")
@click.option(
    "--timezone", callback=_timezone, help="Zone of times that do not say theirs, like Europe/Berlin; by default DEFAULT_TIMEZONE."
)
@with_appcontext
def import_events_command(file: Path, organizer: str | None, capacity: int, price: Decimal, timezone: str | None) -> None:
    """Create or update events from a .json, .csv or .ics FILE.

    A row is known again by its source id, or else by name, start and venue; what did not change is left alone.
    Dates without a time last from 09:00 of the first to 18:00 of the last day.

    Rows that cannot be brought in are listed with the reason, and the rest comes in; the exit code is 1 then.
    """
    fills = ImportDefaults(capacity=capacity, price=price, timezone=timezone or current_app.config["DEFAULT_TIMEZONE"])
    with errors_in_words():
        rows, owner = _read(file), _organizer(organizer)
        results = import_events(by=owner, rows=rows, fills=fills)
        _report(owner, list(_with_progress(results, rows)))


def _read(file: Path) -> Sequence[Row]:
    try:
        with file.open("rb") as stream:
            # One byte more than is allowed tells a file that is too large, whatever it is.
            return StoredRows(read_file(filename=file.name, content=stream.read(MAX_FILE_SIZE + 1)))
    except OSError as error:
        raise click.ClickException(f"{file} cannot be read: {error.strerror}.") from error


def _with_progress(results: Iterator[RowResult], rows: Sequence[Row]) -> Iterator[RowResult]:
    with click.progressbar(results, length=len(rows), label="Importing", file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        yield from bar


def _report(owner: User, results: Sequence[RowResult]) -> None:
    """What went wrong to stderr, a line for each row and field; the numbers to stdout. Fails when a row was refused, or all were."""
    for result in results:
        for line in lines(result.problems):
            name = f" ({result.name})" if result.name else ""
            click.echo(_printable(f"Row {result.number}{name}: {line}"), err=True)
    counts = collections.Counter(result.outcome for result in results)
    numbers = ", ".join(f"{counts[outcome]} {words}" for outcome, words in SUMMARY.items())
    click.echo(f"{counted(len(results), 'row')} for {owner.username}: {numbers}")
    if all(result.outcome in NOT_BROUGHT_IN for result in results):
        raise click.ClickException("Nothing was imported.")
    if refused := counts[RowStatus.REFUSED]:
        raise click.ClickException(f"{counted(refused, 'row was', 'rows were')} refused, see above; the rest came in.")


def _printable(text: str) -> str:
    """Nothing in a file may steer the terminal."""
    return "".join(character if character.isprintable() else "�" for character in text)


def _organizer(username: str | None) -> User:
    """The organizer of this name. Without one, the only organizer there is, or that of the demo."""
    if username:
        user = accounts.find_user_by_login(username)
        if user is None or not can_organize(user):
            raise Invalid(f"{username} is not somebody who may create events.")
        return user
    some = accounts.list_organizers(limit=2)
    if len(some) == 1:
        return some[0]
    demo = accounts.find_user_by_login(ORGANIZER) if some and current_app.config["EMBEDDED"] else None
    if demo is None:
        reason = "Several people may create events" if some else "Nobody may create events yet (see create-superuser)"
        raise click.UsageError(f"{reason}; give --organizer USERNAME.")
    return demo
