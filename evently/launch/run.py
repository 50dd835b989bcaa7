"""Embedded mode: one web process on an SQLite file, with worker and beat inside, and demo data."""

from collections.abc import Callable

from config import environment, load_settings
from evently.launch.lock import only_one
from evently.launch.processes import LaunchError, say
from evently.launch.supervisor import Supervisor
from evently.launch.webserver import address, refuse_taken_port, wait_for_answer, web_service
from evently.servers import is_embedded

ANNOUNCEMENT = """
  Evently runs at {address}

  Demo accounts, all with the password evently-demo:
    admin       superuser
    organizer   manages events
    attendee    books tickets
  Mails are caught at {address}/dev/mailbox. Data is in {data_dir}. Ctrl-C stops everything.
"""


def run(*, until: Callable[[], bool]) -> None:
    """Run until a signal, or `until`, ends it. Raises LaunchError when it cannot."""
    environ = environment()
    if not is_embedded(environ):
        raise LaunchError(
            "A database is configured (DATABASE_URL or DB_*), but `make run` brings its own and fills it with demo accounts. "
            "Use `make stack`, or unset the variable."
        )
    settings = load_settings(environ)
    with Supervisor() as supervisor, only_one(settings.DATA_DIR, "run"):
        refuse_taken_port(settings)
        web = web_service(settings, "--factory", "evently.launch.embedded_web:create_web", environ=environ, workers=1, kill_after=8)
        supervisor.start(web)
        wait_for_answer(web, settings)
        say(ANNOUNCEMENT.format(address=address(settings), data_dir=settings.DATA_DIR))
        supervisor.watch(until=until)
        say("Stopping.")
