"""People and what they may do."""

import click
from flask.cli import with_appcontext

from config import superuser_password
from evently.accounts import queries as accounts
from evently.accounts.roles import ROLES, set_role
from evently.accounts.services import create_superuser
from evently.cli.errors import errors_in_words


@click.command("create-superuser")
@click.argument("username")
@click.argument("email")
@with_appcontext
def create_superuser_command(username: str, email: str) -> None:
    """Make somebody who may do everything.

    The password is that of the variable EVENTLY_PASSWORD, or is asked for twice.
    """
    password = superuser_password() or click.prompt("Password", hide_input=True, confirmation_prompt=True)
    with errors_in_words():
        user = create_superuser(username=username, email=email, password=password)
        click.echo(f"{user.username} <{user.email}> is a superuser now.")


@click.command("set-role")
@click.argument("username")
@click.argument("role", type=click.Choice(ROLES))
@click.option("--revoke", is_flag=True, help="Take the role away.")
@with_appcontext
def set_role_command(username: str, role: str, *, revoke: bool) -> None:
    """Let somebody with an account organize their own events, manage every event (staff), or do everything."""
    with errors_in_words():
        user = accounts.find_user_by_login(username)
        if user is None:
            raise click.ClickException(f"There is nobody with the username {username}.")
        set_role(user=user, role=role, is_held=not revoke)
        click.echo(f"{user.username} is {'no longer' if revoke else 'now'} {role}.")
