"""What is kept of answers: how much of it there is, filling it before anybody asks, and throwing all of it away."""

import click
from flask import current_app
from flask.cli import AppGroup
from redis.exceptions import RedisError

from evently import tagged_cache
from evently.database import utc_now
from evently.events import queries
from evently.events.filters import EventFilters

cache_commands = AppGroup("cache", help="Show, fill or empty what is kept of answers.")

# The first pages that nearly everybody asks for: of the API, and of the front page.
LISTS = ((EventFilters(is_active=True, is_upcoming=True), 10), (EventFilters(is_upcoming=True), 12))
IN_MEMORY = "This site keeps answers in the memory of its web server, where no command sees them"


@cache_commands.command("stats")
def stats_command() -> None:
    """How many answers are kept, by kind, and how often one was found."""
    kinds = tagged_cache.cache_stats()
    if kinds is None:
        click.echo(f"{IN_MEMORY}." if not current_app.config["REDIS_URL"] else "The cache's server is away; every answer is worked out.")
        return
    click.echo(f"{'kind':<12}{'kept':>10}{'kB':>10}{'found':>12}{'missed':>12}{'rate':>8}")
    for kind, stats in sorted(kinds.items()):
        lookups = stats.hits + stats.misses
        rate = f"{100 * stats.hits / lookups:.0f} %" if lookups else "–"
        click.echo(f"{kind:<12}{stats.entries:>10,}{stats.size / 1000:>10,.0f}{stats.hits:>12,}{stats.misses:>12,}{rate:>8}")


@cache_commands.command("warm")
@click.option("--events", default=100, show_default=True, type=click.IntRange(0), help="How many of the next events to keep, too.")
def warm_command(events: int) -> None:
    """Work out what nearly everybody asks for: the first pages of lists, and the next events."""
    if not current_app.config["REDIS_URL"]:
        click.echo(f"{IN_MEMORY}; the first visitor warms it.")
        return
    for filters, size in LISTS:
        queries.list_public_events(filters, size=size)
    page = queries.list_public_events(EventFilters(is_active=True, is_upcoming=True, date_from=utc_now()), size=events or 1)
    for event in page.items[:events]:
        queries.describe_published_event(event.id)
    click.echo(f"{len(LISTS)} lists and {len(page.items[:events])} events are kept.")


@cache_commands.command("clear")
def clear_command() -> None:
    """Throw away whatever is kept; counters of limits, locks and tasks on the same server stay."""
    try:
        count = tagged_cache.clear()
    except RedisError as error:
        raise click.ClickException(f"The cache's server is away: {error}") from error
    click.echo(f"{count:,} answers thrown away." if current_app.config["REDIS_URL"] else "Nothing is kept any more.")
