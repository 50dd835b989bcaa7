"""Embedded mode: one web process on an SQLite file, with worker and beat inside, and demo data."""

from collections.abc import Callable

from config import Settings, environment, load_settings
from evently.config_checks import public_demo_problem, public_hosts
from evently.config_urls import is_embedded
from evently.launch.processes import LaunchError, log
from evently.launch.single_instance import single_instance
from evently.launch.supervisor import Supervisor
from evently.launch.webserver import address, refuse_taken_port, wait_for_answer, web_service

ANNOUNCEMENT = """
  Evently runs at {address}
  {mail}. Data is in {data_dir}. Ctrl-C stops everything.
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
    if problem := public_demo_problem(vars(settings), has_published_password=settings.DEMO_DATA):
        raise LaunchError(problem)
    with Supervisor() as supervisor, single_instance(settings.DATA_DIR, "run"):
        refuse_taken_port(settings)
        web = web_service(settings, "--factory", "evently.launch.embedded_web:create_web", environ=environ, workers=1, kill_after=8)
        supervisor.start(web)
        wait_for_answer(web, settings)
        log(ANNOUNCEMENT.format(address=address(settings), mail=_mail(settings), data_dir=settings.DATA_DIR))
        supervisor.watch(until=until)
        log("Stopping.")


def _mail(settings: Settings) -> str:
    if settings.EMAIL_HOST:
        return f"E-mail goes to {settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    readers = ", for staff to read" if settings.PUBLIC_DEMO or public_hosts(vars(settings)) else ""
    return f"E-mail is caught at {address(settings)}/dev/mailbox{readers}"
