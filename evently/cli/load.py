"""A full site, to see how quick it is."""

import time

import click
from flask.cli import with_appcontext
from sqlalchemy import func, select

from evently.cli.errors import errors_in_words
from evently.demo.load import seed_load
from evently.events.models import Event
from evently.extensions import db


@click.command("seed-load")
@click.option("--events", type=click.IntRange(0), required=True, help="How many events to add.")
@click.option("--bookings", type=click.IntRange(0), required=True, help="How many bookings of them to add.")
@click.option("--yes", is_flag=True, help="Do not ask, even where there are events already.")
@with_appcontext
def seed_load_command(*, events: int, bookings: int, yes: bool) -> None:
    """Fill the database for load tests. The events are published, and nothing takes them away again."""
    with errors_in_words():
        if not yes and db.session.scalar(select(func.count()).select_from(select(Event.id).limit(1).subquery())):
            click.confirm("There are events here already. Add made-up ones to them?", abort=True)
        started = time.monotonic()
        seed_load(events=events, bookings=bookings)
        click.echo(f"{events:,} events and {bookings:,} bookings in {time.monotonic() - started:,.0f} s.")
