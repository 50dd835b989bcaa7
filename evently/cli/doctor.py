"""How the site is, part by part, and what to do."""

import click
from flask.cli import with_appcontext

from evently.http.formatting import counted


@click.command("doctor")
@with_appcontext
def doctor_command() -> None:
    """Look at every part the site needs and say what to do; exit code 1 when people notice, or soon will."""
    # What it takes to look at everything is nothing that a web server needs.
    from evently.cli.checks import CHECKS  # noqa: PLC0415

    findings = []
    for part, check in CHECKS.items():
        findings.append(finding := check())
        click.echo(f"{_mark(is_trouble=finding.is_trouble, is_notice=bool(finding.advice))} {part:<14}{finding.says}")
        if finding.advice:
            click.echo(f"{'':<22}{finding.advice}")
    if troubles := sum(finding.is_trouble for finding in findings):
        raise click.ClickException(f"{counted(troubles, 'part is', 'parts are')} not well.")
    click.echo("All is well." if not any(finding.advice for finding in findings) else "All works.")


def _mark(*, is_trouble: bool, is_notice: bool) -> str:
    word, colour = ("TROUBLE", "red") if is_trouble else ("notice", "yellow") if is_notice else ("well", "green")
    return click.style(f"{word:<7}", fg=colour)
