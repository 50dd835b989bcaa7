"""How the site is, part by part, and what to do."""

import click
from flask.cli import with_appcontext

from evently.cli.checks import CHECKS, Finding
from evently.http.formatting import counted


@click.command("doctor")
@with_appcontext
def doctor_command() -> None:
    """Look at every part the site needs and say what to do; exit code 1 when people notice, or soon will."""
    findings = []
    for part, check in CHECKS.items():
        findings.append(finding := check())
        click.echo(f"{_mark(finding)} {part:<14}{finding.says}")
        if finding.advice:
            click.echo(f"{'':<22}{finding.advice}")
    if troubles := sum(finding.is_trouble for finding in findings):
        raise click.ClickException(f"{counted(troubles, 'part is', 'parts are')} not well.")
    click.echo("All is well." if not any(finding.advice for finding in findings) else "All works.")


def _mark(finding: Finding) -> str:
    word, colour = ("TROUBLE", "red") if finding.is_trouble else ("notice", "yellow") if finding.advice else ("well", "green")
    return click.style(f"{word:<7}", fg=colour)
