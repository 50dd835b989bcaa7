"""Whether the figures of reports are what counting gives."""

import click
from flask.cli import AppGroup

from evently.cli.errors import errors_in_words
from evently.http.formatting import counted
from evently.reporting import rollup_verification

report_commands = AppGroup("reports", help="Check or rebuild the figures that reports are made of.")


@report_commands.command("check")
def check_command() -> None:
    """Compare every roll-up with the rows it is made of; exit code 1 when one differs."""
    with errors_in_words():
        drift = 0
        for off in rollup_verification.find_mismatches():
            drift += 1
            click.echo(f"{off.table} {off.row}: {off.figure} {off.kept}, counted {off.counted}", err=True)
        if drift:
            raise click.ClickException(f"{counted(drift, 'figure differs', 'figures differ')}. Run: flask --app wsgi reports rebuild")
        click.echo("Every figure is what counting gives.")


@report_commands.command("rebuild")
def rebuild_command() -> None:
    """Count everything anew. Whoever books or comes in meanwhile waits until it is done."""
    with errors_in_words():
        click.echo(f"{counted(rollup_verification.rebuild(), 'row')} written.")
