"""The messages that workers have set aside, because no worker could carry them out."""

import click
from flask import current_app
from flask.cli import AppGroup
from redis import Redis
from redis.exceptions import RedisError

from evently import poison_messages
from evently.http.formatting import counted

poison_commands = AppGroup("poison-messages", help="Show or delete messages that no worker could carry out.")


def _store() -> Redis:
    url = current_app.config["REDIS_URL"]
    if not url:
        raise click.ClickException("Without Redis, messages stay in the memory of the one process and are only logged.")
    return Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2)


@poison_commands.command("list")
@click.option("--content", is_flag=True, help="Print the beginning of each message, too. It may hold personal data.")
def list_command(*, content: bool) -> None:
    """Print when each message was set aside, from which queue and why, the newest first."""
    try:
        messages = poison_messages.list_messages(_store())
    except RedisError as error:
        raise click.ClickException(f"Redis does not answer: {error}") from error
    for message in messages:
        click.echo(f"{message.at:%Y-%m-%d %H:%M:%S}  {message.queue}  {message.reason}  {message.task or '-'}  {message.size} bytes")
        if content:
            # As a literal, so that it cannot control the terminal.
            click.echo(f"    {message.content!r}")
    if not messages:
        click.echo("No message is set aside.")


@poison_commands.command("purge")
def purge_command() -> None:
    """Delete all messages that are set aside."""
    try:
        number = poison_messages.purge(_store())
    except RedisError as error:
        raise click.ClickException(f"Redis does not answer: {error}") from error
    click.echo(f"{counted(number, 'message')} deleted.")
