"""Whether the books balance."""

import click
from flask.cli import with_appcontext

from evently.bookings import consistency
from evently.cli.errors import errors_in_words
from evently.http.formatting import counted


@click.command("check-ledger")
@click.option("--repair", is_flag=True, help="Count the seats taken anew where the counter is off.")
@with_appcontext
def check_ledger_command(*, repair: bool) -> None:
    """Check that seats and bookings agree; exit code 1 when they do not."""
    with errors_in_words():
        if repair:
            click.echo(f"Events whose counter was off: {consistency.repair_counters()}.")
        breaches = list(consistency.check())
        for breach in breaches:
            click.echo(f"{breach.table} {breach.row}: {breach.sentence} ({breach.rule})", err=True)
        if breaches:
            raise click.ClickException(f"{counted(len(breaches), 'row breaks', 'rows break')} a rule.")
        click.echo("The books balance.")
